/** A copy is read, predicted and written in steps of so many bytes, counted from its start. */
export const stepBytes = 1 << 20

/** More copies than this are not worth their memory: the encoder then drops the shortest. */
export const maxCopies = 1 << 18

/** More exceptions than this no prediction is worth. */
export const maxExceptions = 1 << 18
