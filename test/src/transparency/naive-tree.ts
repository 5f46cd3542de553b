import { createHash } from 'node:crypto'
import { LogEdge } from '../../../src/transparency/log-edge.ts'
import type { ReadObject } from '../../../src/transparency/read-object.ts'

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** MTH of RFC 6962 §2.1, word for word: what everything else is compared with. */
export function naiveRoot(entries: readonly Uint8Array[]): Buffer {
  const [only] = entries
  if (only === undefined) return sha256('')
  if (entries.length === 1) return sha256(Uint8Array.of(0), only)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha256(Uint8Array.of(1), naiveRoot(entries.slice(0, k)), naiveRoot(entries.slice(k)))
}

/** PROOF of RFC 6962 §2.1.2, with its SUBPROOF. */
export function naiveConsistency(m: number, entries: readonly Uint8Array[], isWhole = true): Buffer[] {
  const n = entries.length
  if (m === n) return isWhole ? [] : [naiveRoot(entries)]
  let k = 1
  while (k * 2 < n) k *= 2
  if (m <= k) return [...naiveConsistency(m, entries.slice(0, k), isWhole), naiveRoot(entries.slice(k))]
  return [...naiveConsistency(m - k, entries.slice(k), false), naiveRoot(entries.slice(0, k))]
}

/** PATH of RFC 6962 §2.1.1. */
export function naivePath(m: number, entries: readonly Uint8Array[]): Buffer[] {
  const n = entries.length
  if (n <= 1) return []
  let k = 1
  while (k * 2 < n) k *= 2
  if (m < k) return [...naivePath(m, entries.slice(0, k)), naiveRoot(entries.slice(k))]
  return [...naivePath(m - k, entries.slice(k)), naiveRoot(entries.slice(0, k))]
}

/** A log in memory. */
export class MemoryLog {
  readonly objects = new Map<string, Buffer>()
  edge = LogEdge.empty()
  reads = 0

  readonly read: ReadObject = async (path) => {
    this.reads += 1
    return this.objects.get(path)
  }

  append(entries: readonly Uint8Array[]): this {
    for (const entry of entries) this.#store(this.edge.append(Buffer.from(entry)))
    this.#store(this.edge.partialObjects())
    return this
  }

  #store(objects: ReturnType<LogEdge['append']>): void {
    for (const { path, bytes } of objects) {
      const known = this.objects.get(path)
      if (known !== undefined && !known.equals(bytes)) throw new Error(`${path} changes`)
      this.objects.set(path, bytes)
    }
  }
}

/** Entries that differ, made quickly. */
export function entriesUpTo(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`entry ${i}`))
}
