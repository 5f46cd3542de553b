const packagePattern = /\.pkg\.tar(?:\.[a-z0-9]+)?$/

/** Whether a file's name is one of a pacman package. */
export function isPackageName(name: string): boolean {
  return packagePattern.test(name) && !name.endsWith('.sig')
}
