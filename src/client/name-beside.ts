import { joinTreePath, nameOf, parentOf, type TreePath } from '../../manifests/tree-path.ts'

const maxNameBytes = 255

/** `path.suffix`, or the first of `path.suffix.2`, `path.suffix.3`, … that is free; of a long name the beginning. */
export function nameBeside(path: TreePath, suffix: string, isFree: (path: TreePath) => boolean): TreePath {
  for (let number = 1; ; number++) {
    const ending = number === 1 ? `.${suffix}` : `.${suffix}.${number}`
    const name = `${beginningOf(nameOf(path), maxNameBytes - ending.length)}${ending}`
    const beside = joinTreePath(parentOf(path), name)
    if (isFree(beside)) return beside
  }
}

/** Does not end amid a character of UTF-8. */
function beginningOf(name: string, bytes: number): string {
  if (name.length <= bytes) return name
  let end = bytes
  while (end > 1 && (name.charCodeAt(end) & 0xc0) === 0x80) end--
  return name.slice(0, end)
}
