import { compareNumbers } from './compare-debian-versions.ts'

/**
 * The order of pacman's versions, `[epoch:]version[-release]` (vercmp(8)): negative when `a` is the earlier. The
 * releases count only when both have one.
 */
export function comparePacmanVersions(a: string, b: string): number {
  if (a === b) return 0
  const [first, second] = [split(a), split(b)]
  const order = compareSegments(first.epoch, second.epoch) || compareSegments(first.version, second.version)
  if (order !== 0 || first.release === undefined || second.release === undefined) return order
  return compareSegments(first.release, second.release)
}

interface PacmanVersion {
  readonly epoch: string
  readonly version: string
  readonly release: string | undefined
}

function split(text: string): PacmanVersion {
  const [, epoch, rest = text] = /^(\d*):(.*)$/s.exec(text) ?? []
  const hyphen = rest.lastIndexOf('-')
  return {
    epoch: epoch === undefined || epoch === '' ? '0' : epoch,
    version: hyphen === -1 ? rest : rest.slice(0, hyphen),
    release: hyphen === -1 ? undefined : rest.slice(hyphen + 1),
  }
}

/** Runs of digits or of letters, between separators of which only the number counts. */
function compareSegments(a: string, b: string): number {
  if (a === b) return 0
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    const [startA, startB] = [endOf(a, i, separator), endOf(b, j, separator)]
    if (startA >= a.length || startB >= b.length) {
      ;[i, j] = [startA, startB]
      break
    }
    if (startA - i !== startB - j) return startA - i - (startB - j)
    const isNumber = /\d/.test(a.charAt(startA))
    const [endA, endB] = [
      endOf(a, startA, isNumber ? digit : letter),
      endOf(b, startB, isNumber ? digit : letter),
    ]
    // A number is newer than letters.
    if (endB === startB) return isNumber ? 1 : -1
    const order = compareRuns(a.slice(startA, endA), b.slice(startB, endB), isNumber)
    if (order !== 0) return order
    ;[i, j] = [endA, endB]
  }
  return compareRests(a.slice(i), b.slice(j))
}

function compareRuns(a: string, b: string, areNumbers: boolean): number {
  if (areNumbers) return compareNumbers(a, b)
  return a < b ? -1 : Number(a > b)
}

/** What is left of one, when the other is at its end: letters, as in `1.0rc`, make it earlier, all else later. */
function compareRests(a: string, b: string): number {
  if (a === '' && b === '') return 0
  const isEarlier = (a === '' && !letter.test(b.charAt(0))) || letter.test(a.charAt(0))
  return isEarlier ? -1 : 1
}

const digit = /\d/
const letter = /[A-Za-z]/
const separator = /[^A-Za-z0-9]/

function endOf(text: string, from: number, kind: RegExp): number {
  let end = from
  while (end < text.length && kind.test(text.charAt(end))) end++
  return end
}
