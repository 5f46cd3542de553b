import { createHmac, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'

const rows = 4
const columns = 16_384
const windowMs = 60_000

/**
 * How often each address came in the current minute, in 256 KiB however many there are: a count-min sketch (G. Cormode
 * and S. Muthukrishnan, 2005). It never counts too little; it counts another's requests as an address's own only where
 * four hashes under a key that no one knows agree. It is gone after a minute, and what is in it names no address.
 */
export class AddressRates {
  readonly #now: () => number
  readonly #key = randomBytes(32)
  readonly #counts = new Uint32Array(rows * columns)
  #begun: number

  /** `now` in milliseconds of a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now
    this.#begun = now()
  }

  /** Counts a request, and says how many there were in this minute with it. */
  count(address: string): number {
    return this.#add(address, 1)
  }

  /** How many there were in this minute. */
  countOf(address: string): number {
    return this.#add(address, 0)
  }

  #add(address: string, more: number): number {
    if (this.#now() - this.#begun >= windowMs) {
      this.#counts.fill(0)
      this.#begun = this.#now()
    }
    const hash = createHmac('sha256', this.#key).update(networkOf(address)).digest()
    let least = Infinity
    for (let row = 0; row < rows; row++) {
      const at = row * columns + (hash.readUInt32LE(4 * row) % columns)
      const count = (this.#counts[at] ?? 0) + more
      this.#counts[at] = count
      least = Math.min(least, count)
    }
    return least
  }
}

/** Of IPv6 the first 64 bits, which is what one stranger is given at least. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.toLowerCase().startsWith('::ffff:')) return address
  const [before = '', after] = address.toLowerCase().split('%', 1).join('').split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
