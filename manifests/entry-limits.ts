/** The last number is no user: Linux reads it as "leave the owner as it is". */
export const maxId = 0xff_ff_ff_fe

export const maxNanos = 999_999_999

/** Linux: XATTR_NAME_MAX and XATTR_SIZE_MAX. */
export const maxXattrNameBytes = 255
export const maxXattrBytes = 65_536
