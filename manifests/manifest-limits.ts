/** log2 of the window that a stored manifest's frame may ask a decoder for: 8 MiB (format §3). */
export const manifestWindowLog = 23
