import { maxExceptions } from './limits.ts'
import type { Exception } from './movement.ts'
import type { ShiftMap } from './shift-map.ts'

/** A stretch of exceptions costs about as much as two wrong predictions. */
const minSaved = 2

interface FoundException extends Exception {
  /** How many references it puts right. */
  readonly saved: number
}

/**
 * The addresses that moved otherwise than the copies say, seen from what the references of the target really say:
 * `from[i]` in the basis is at `to[i]` in the target. Data without bytes in the file, and tables whose entries are all
 * alike, are known only this way.
 */
export function findExceptions(from: Float64Array, to: Float64Array, addresses: ShiftMap): Exception[] {
  const order = new Uint32Array(from.length)
  for (let index = 0; index < order.length; index++) order[index] = index
  order.sort((a, b) => (from[a] as number) - (from[b] as number) || (to[a] as number) - (to[b] as number))
  const exceptions: FoundException[] = []
  let open: { start: number; end: number; shift: number; saved: number } | undefined
  const close = (): void => {
    if (open !== undefined && open.saved >= minSaved) {
      const { start, end, shift, saved } = open
      exceptions.push({ start, length: end - start, shift, saved })
    }
    open = undefined
  }
  for (let first = 0; first < order.length;) {
    const address = from[order[first] as number] as number
    const predicted = addresses.shiftAt(address)
    let last = first
    let best = predicted
    let bestVotes = 0
    let predictedVotes = 0
    while (last < order.length && from[order[last] as number] === address) {
      const shift = (to[order[last] as number] as number) - address
      let end = last + 1
      while (
        end < order.length &&
        from[order[end] as number] === address &&
        (to[order[end] as number] as number) - address === shift
      )
        end++
      if (shift === predicted) predictedVotes = end - last
      if (end - last > bestVotes) {
        best = shift
        bestVotes = end - last
      }
      last = end
    }
    if (best === predicted || bestVotes === predictedVotes) {
      if (open !== undefined && predictedVotes > 0 && predicted !== open.shift) close()
    } else if (open?.shift === best) {
      open.end = address + 1
      open.saved += bestVotes - predictedVotes
    } else {
      close()
      open = { start: address, end: address + 1, shift: best, saved: bestVotes - predictedVotes }
    }
    first = last
  }
  close()
  return mostSaving(exceptions)
}

/** In order; without those that save least, where there are more than a decoder takes. */
function mostSaving(exceptions: readonly FoundException[]): Exception[] {
  if (exceptions.length <= maxExceptions) return [...exceptions]
  return [...exceptions]
    .sort((a, b) => b.saved - a.saved || a.start - b.start)
    .slice(0, maxExceptions)
    .sort((a, b) => a.start - b.start)
}
