import type { SparseMap } from '../../manifests/entry.ts'
import { errnoOf } from './errors.ts'
import { seekDataFrom, seekHoleFrom } from './libc.ts'

/**
 * Where the data of the open file of `size` bytes lie, or undefined when it has no holes or its file system cannot
 * tell. Moves the descriptor's offset.
 */
export function readSparseMap(fd: number, size: number): SparseMap | undefined {
  const data: [number, number][] = []
  try {
    for (let end = 0; end < size;) {
      const start = seekDataFrom(fd, end)
      if (start === undefined || start >= size) break
      end = Math.min(seekHoleFrom(fd, start), size)
      addExtent(data, start, end)
    }
  } catch (error) {
    if (errnoOf(error) === 'EINVAL') return undefined
    throw error
  }
  const isWhole = size === 0 || (data.length === 1 && data[0]?.[0] === 0 && data[0][1] === size)
  return isWhole ? undefined : { size, data }
}

function addExtent(data: [number, number][], start: number, end: number): void {
  const last = data.at(-1)
  if (last !== undefined && last[0] + last[1] === start) last[1] = end - last[0]
  else data.push([start, end - start])
}
