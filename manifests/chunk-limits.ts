/** The most plain bytes a chunk has (format §2): what a reader must be ready to hold of each. */
export const maxChunkBytes = 1 << 20
