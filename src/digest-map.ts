import { digestFromBytes, digestToBytes, type Digest } from '../manifests/digest.ts'

const digestBytes = 32

/** What another thread needs to read the same map. */
export interface SharedDigests {
  readonly keys: SharedArrayBuffer
  readonly values: SharedArrayBuffer
}

/**
 * A map from digests to numbers (0 and up) in 80 to 160 bytes a digest, a third of what a Map of strings takes, and
 * readable from other threads. Open addressing: a digest's first bytes are as good a hash as any.
 */
export class DigestMap {
  #keys: Buffer
  /** The value plus one; 0 marks a free place. */
  #values: Float64Array
  #size = 0

  constructor(shared?: SharedDigests) {
    const { keys, values } = shared ?? allocate(1024)
    this.#keys = Buffer.from(keys)
    this.#values = new Float64Array(values)
  }

  get size(): number {
    return this.#size
  }

  /** The buffers as they are now: later growth moves to others, so share a map that is complete. */
  share(): SharedDigests {
    return {
      keys: this.#keys.buffer as unknown as SharedArrayBuffer,
      values: this.#values.buffer as unknown as SharedArrayBuffer,
    }
  }

  /** In no order. */
  *keys(): Generator<Digest, void, undefined> {
    for (let place = 0; place < this.#values.length; place++) {
      if (this.#values[place] === 0) continue
      yield digestFromBytes(this.#keys.subarray(place * digestBytes, (place + 1) * digestBytes))
    }
  }

  /** Another one with the same in it, to be added to. */
  copy(): DigestMap {
    const { keys, values } = allocate(this.#values.length)
    Buffer.from(keys).set(this.#keys)
    new Float64Array(values).set(this.#values)
    const copy = new DigestMap({ keys, values })
    copy.#size = this.#size
    return copy
  }

  has(digest: Digest): boolean {
    return this.get(digest) !== undefined
  }

  get(digest: Digest): number | undefined {
    const value = this.#values[this.#place(digestToBytes(digest))] ?? 0
    return value === 0 ? undefined : value - 1
  }

  /** Returns false, and changes nothing, when the digest is there already. */
  add(digest: Digest, value = 0): boolean {
    const bytes = digestToBytes(digest)
    const place = this.#place(bytes)
    if (this.#values[place] !== 0) return false
    this.#fill(place, bytes, value + 1)
    if (++this.#size * 2 > this.#values.length) this.#grow()
    return true
  }

  #place(digest: Uint8Array): number {
    const mask = this.#values.length - 1
    let place = Buffer.from(digest.buffer, digest.byteOffset, 4).readUInt32LE(0) & mask
    while (this.#values[place] !== 0 && !this.#holds(place, digest)) place = (place + 1) & mask
    return place
  }

  #holds(place: number, digest: Uint8Array): boolean {
    const start = place * digestBytes
    return this.#keys.compare(digest, 0, digestBytes, start, start + digestBytes) === 0
  }

  #fill(place: number, digest: Uint8Array, value: number): void {
    this.#keys.set(digest, place * digestBytes)
    this.#values[place] = value
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    const larger = allocate(values.length * 2)
    this.#keys = Buffer.from(larger.keys)
    this.#values = new Float64Array(larger.values)
    values.forEach((value, place) => {
      if (value === 0) return
      const digest = keys.subarray(place * digestBytes, (place + 1) * digestBytes)
      this.#fill(this.#place(digest), digest, value)
    })
  }
}

function allocate(places: number): SharedDigests {
  return {
    keys: new SharedArrayBuffer(places * digestBytes),
    values: new SharedArrayBuffer(places * Float64Array.BYTES_PER_ELEMENT),
  }
}
