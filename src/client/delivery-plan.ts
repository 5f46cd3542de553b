/** Bytes that a request is worth: its headers, the answer's, and a share of the wait for it. */
export const requestBytes = 2048

/** Of the plain bytes of a chunk, those it is stored in: so much of real root trees (bench/README.md). */
export const storedShare = 0.4

/** More packs in a row than this are not applied, each being as much work as a single one. */
export const maxLinks = 3

/** Below this, nobody looks for another way than chunks. */
const minPackCost = 4 * requestBytes
const minChainCost = 64 * requestBytes

/** Chunks that the machine needs and has not. */
export interface ChunkNeed {
  readonly count: number
  readonly plainBytes: number
}

/** A pack, or several that lead from one to the next, as far as they are still to come. */
export interface PackOffer {
  readonly links: number
  /** All together. */
  readonly bytes: number
  readonly bytesLeft: number
}

export type DeliveryMeans = 'pack' | 'chain' | 'chunks'

/** In bytes. */
export function chunkCost({ count, plainBytes }: ChunkNeed): number {
  return Math.round(plainBytes * storedShare) + count * requestBytes
}

/** Whether it pays to ask for a pack of which nothing is known. */
export function isPackWorthAsking(need: ChunkNeed): boolean {
  return chunkCost(need) > minPackCost
}

/** Whether it pays to look for several packs in a row, after `requests` more for where they lead. */
export function isChainWorthAsking(need: ChunkNeed, requests: number): boolean {
  return chunkCost(need) > minChainCost + (requests + maxLinks) * requestBytes
}

/** Whichever costs fewer bytes; the offer if it is all the same. */
export function chooseDelivery(need: ChunkNeed, offer: PackOffer | undefined): DeliveryMeans {
  if (offer === undefined || chunkCost(need) < offer.bytesLeft) return 'chunks'
  return offer.links > 1 ? 'chain' : 'pack'
}

/** A module on its way from one manifest to another. */
interface Step {
  readonly digest: string
}

/**
 * What lies between `from` and `to` along the releases between, those in which nothing changed left out; undefined when
 * these are none, or more than packs should be put in a row.
 */
export function stepsBetween<T extends Step>(from: Step, between: readonly T[], to: Step): T[] | undefined {
  const steps: T[] = []
  for (const step of between) {
    const before = steps.at(-1) ?? from
    if (step.digest !== before.digest) steps.push(step)
  }
  if (steps.at(-1)?.digest === to.digest) steps.pop()
  const isPlain =
    new Set([from.digest, to.digest, ...steps.map(({ digest }) => digest)]).size === steps.length + 2
  return steps.length === 0 || steps.length >= maxLinks || !isPlain ? undefined : steps
}
