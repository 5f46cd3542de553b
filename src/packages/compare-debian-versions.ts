/**
 * The order of Debian versions, `[epoch:]upstream[-revision]` (deb-version(7)): negative when `a` is the earlier.
 */
export function compareDebianVersions(a: string, b: string): number {
  const [first, second] = [split(a), split(b)]
  return (
    compareNumbers(first.epoch, second.epoch) ||
    compareParts(first.upstream, second.upstream) ||
    compareParts(first.revision, second.revision)
  )
}

interface DebianVersion {
  readonly epoch: string
  readonly upstream: string
  readonly revision: string
}

function split(version: string): DebianVersion {
  const colon = version.indexOf(':')
  const rest = version.slice(colon + 1)
  const hyphen = rest.lastIndexOf('-')
  return {
    epoch: version.slice(0, Math.max(0, colon)),
    upstream: hyphen === -1 ? rest : rest.slice(0, hyphen),
    revision: hyphen === -1 ? '' : rest.slice(hyphen + 1),
  }
}

/** Runs of other characters and runs of digits in turn, beginning with the former. */
function compareParts(a: string, b: string): number {
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const order = weightOf(a[i]) - weightOf(b[j])
      if (order !== 0) return order
      i++
      j++
    }
    const [endA, endB] = [endOfDigits(a, i), endOfDigits(b, j)]
    const order = compareNumbers(a.slice(i, endA), b.slice(j, endB))
    if (order !== 0) return order
    i = endA
    j = endB
  }
  return 0
}

/** `~` before the end, the end (and digits) before letters, letters before everything else. */
function weightOf(character: string | undefined): number {
  if (character === undefined || isDigit(character)) return 0
  if (character === '~') return -1
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256
}

/** Digits only, of any length; none is zero. */
export function compareNumbers(a: string, b: string): number {
  const [first, second] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  if (first.length !== second.length) return first.length - second.length
  return first < second ? -1 : Number(first > second)
}

function endOfDigits(text: string, from: number): number {
  let end = from
  while (end < text.length && isDigit(text[end])) end++
  return end
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}
