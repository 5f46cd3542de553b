/** The plain bytes of a group's streams together: what a reader holds of a pack. */
export const maxGroupBytes = 24 << 20

/** What a builder aims at: a group is closed before it would be larger, if it can. */
export const groupBytes = 8 << 20

/** What is in the header is held by every reader. */
export const maxHeaderBytes = 4 << 20

export const maxGroups = 1 << 16

/** Compressed content that is expressed by its plain content is held whole by a reader, both ways. */
export const maxRepackedBytes = 16 << 20
