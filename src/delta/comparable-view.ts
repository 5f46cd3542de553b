import type { ReferenceFinder } from './find-references.ts'
import { identifyInstruction, instructionTarget } from './move-instruction.ts'
import { form, ReferenceList } from './reference-list.ts'
import type { InstructionForm } from './reference-list.ts'
import type { Region } from './region.ts'

/** So much of what a reference points at tells it from others. */
const identityBytes = 32
/** Functions start alike. */
const functionBytes = 64
const symbolBytes = 24
const counted: ReadonlySet<number> = new Set([2, 4])

/**
 * A copy of an executable in which references no longer say where something lies, but what lies there, so that two
 * builds can be compared although everything has moved: they become a hash of what they point at.
 */
export function comparableView(content: Uint8Array, finder: ReferenceFinder): Uint8Array {
  const view = new View(content, finder)
  const { regions, executable } = finder
  const code = regions.filter((region) => region.kind === executable.machine)
  const frames = regions.filter((region) => region.kind === 'eh-frame')
  for (const region of code) view.blankCode(region)
  // Other tables point into these two, so these are made comparable first.
  for (const region of frames) view.identify(region)
  for (const region of regions) if (!code.includes(region) && !frames.includes(region)) view.identify(region)
  view.identifyCode(code)
  return view.bytes
}

class View {
  readonly bytes: Uint8Array
  readonly #original: DataView
  readonly #out: DataView
  readonly #finder: ReferenceFinder
  readonly #found = new ReferenceList()
  readonly #byAddress: readonly Region[]

  constructor(content: Uint8Array, finder: ReferenceFinder) {
    this.bytes = Uint8Array.from(content)
    this.#original = new DataView(content.buffer, content.byteOffset, content.byteLength)
    this.#out = new DataView(this.bytes.buffer)
    this.#finder = finder
    this.#byAddress = finder.executable.regions
      .filter((region) => region.address !== undefined && region.length > 0)
      .sort((a, b) => (a.address as number) - (b.address as number))
  }

  blankCode(region: Region): void {
    if (region.kind === 'x86-64') {
      for (const at of this.#referencesOf(region)) this.#out.setInt32(at, 0, true)
      return
    }
    let index = 0
    for (const at of this.#referencesOf(region)) {
      const kind = this.#found.forms[index++] as InstructionForm
      this.#out.setInt32(at, identifyInstruction(this.#original.getInt32(at, true), kind, 0), true)
    }
  }

  /** After all else: what is pointed at counts as it is without the references in code. */
  identifyCode(regions: readonly Region[]): void {
    const seen = new DataView(this.bytes.slice().buffer)
    for (const region of regions) {
      const toAddress = (region.address ?? 0) - region.offset
      let index = 0
      for (const at of this.#referencesOf(region)) {
        if (region.kind === 'x86-64') {
          const offset = this.#offsetOf(this.#targetX86(this.#found.forms[index++] as number, at, toAddress))
          if (offset !== undefined) this.#out.setInt32(at, hashWords(seen, offset), true)
          continue
        }
        const kind = this.#found.forms[index] as InstructionForm
        const extra = this.#found.extras[index++] as number
        const target = instructionTarget(this.#original, at, kind, extra, at + toAddress)
        const offset = target === undefined ? undefined : this.#offsetOf(target)
        if (offset === undefined) continue
        const identity = hashWords(seen, offset)
        this.#out.setInt32(at, identifyInstruction(seen.getInt32(at, true), kind, identity), true)
      }
    }
  }

  #targetX86(kind: number, at: number, toAddress: number): number {
    if (kind === form.absolute32) return this.#original.getUint32(at, true)
    return at + toAddress + 4 + this.#original.getInt32(at, true)
  }

  identify(region: Region): void {
    const toAddress = (region.address ?? 0) - region.offset
    const found = this.#found
    let index = 0
    for (const at of this.#referencesOf(region)) {
      switch (found.forms[index] as number) {
        case form.fromField:
          this.#setIdentity(at, at + toAddress + this.#original.getInt32(at, true))
          break
        case form.backFromField:
          this.#out.setInt32(at, 0, true)
          break
        case form.extent:
          break
        case form.fromBase:
          this.#setIdentity(at, (found.extras[index] as number) + this.#original.getInt32(at, true))
          break
        case form.absolute:
          this.#setWideIdentity(at)
          break
        case form.relocation:
          this.#identifyRelocation(at, region)
          break
        case form.symbol:
          this.#identifySymbol(at, region)
          break
        default:
          break
      }
      index++
    }
  }

  *#referencesOf(region: Region): Generator<number> {
    this.#found.clear()
    const end = Math.min(region.offset + region.length, this.bytes.length)
    const { bytes } = this
    const original = new Uint8Array(this.#original.buffer, this.#original.byteOffset, bytes.length)
    if (region.offset < end) {
      this.#finder.collect(region, original, region.offset, end, region.offset, this.#found)
    }
    for (let index = 0; index < this.#found.count; index++) yield this.#found.offsets[index] as number
  }

  #setIdentity(at: number, address: number): void {
    this.#out.setInt32(at, this.#identity(this.#offsetOf(address)), true)
  }

  #setWideIdentity(at: number): void {
    const address = readWord(this.#original, at)
    const offset = this.#offsetOf(address)
    if (offset === undefined) return
    this.#out.setInt32(at, this.#identity(offset), true)
    this.#out.setInt32(at + 4, 0, true)
  }

  #identifyRelocation(at: number, region: Region): void {
    const { relocatable, regions } = this.#finder.executable
    this.#out.setInt32(at, 0, true)
    this.#out.setInt32(at + 4, 0, true)
    const symbols = regions[region.link]
    const index = this.#original.getUint32(at + 12, true)
    let symbol: number | undefined
    if (symbols?.kind === 'symbols' && index !== 0) {
      const symbolAt = symbols.offset + index * symbolBytes
      if (symbolAt + symbolBytes <= this.#original.byteLength) symbol = symbolAt
    }
    let identity = 0
    if (symbols !== undefined && symbol !== undefined) {
      const section = regions[this.#original.getUint16(symbol + 6, true)]
      if (relocatable && section !== undefined && (this.#original.getUint8(symbol + 4) & 0xf) === 3) {
        const isCounted = counted.has(this.#original.getUint32(at + 8, true))
        const inside = readSigned(this.#original, at + 16) + (isCounted ? 4 : 0)
        identity = this.#hashOf(section.offset + inside, section.offset + section.length)
        this.#out.setInt32(at + 16, 0, true)
        this.#out.setInt32(at + 20, 0, true)
      } else identity = this.#symbolIdentity(symbol, symbols)
      this.#out.setInt32(at + 12, identity, true)
    }
    if (!relocatable) this.#setWideIdentity(at + 16)
    else {
      const place = regions[region.info]
      const offset = readWord(this.#original, at)
      if (place !== undefined && offset + 4 <= place.length && place.offset + offset + 4 <= this.bytes.length)
        this.#out.setInt32(place.offset + offset, identity, true)
    }
  }

  /** Of what is to be compared. */
  #hashOf(start: number, limit: number): number {
    const end = Math.min(start + identityBytes, limit, this.bytes.length)
    let hash = 0
    for (let at = Math.max(start, 0); at < end; at++)
      hash = Math.imul(hash ^ (this.bytes[at] as number), 0x0100_0193)
    return hash
  }

  #identifySymbol(at: number, region: Region): void {
    this.#out.setInt32(at, this.#symbolIdentity(at, region), true)
    this.#out.setInt32(at + 8, 0, true)
    this.#out.setInt32(at + 12, 0, true)
  }

  /** By its name; a section's symbol has none and is known by its section. */
  #symbolIdentity(at: number, region: Region): number {
    const names = this.#finder.executable.regions[region.link]
    const name = this.#original.getUint32(at, true)
    if (names === undefined || name === 0) return this.#original.getUint16(at + 6, true)
    let hash = 0
    const start = names.offset + name
    const end = Math.min(names.offset + names.length, start + 256, this.#original.byteLength)
    for (let i = start; i < end; i++) {
      const byte = this.#original.getUint8(i)
      if (byte === 0) break
      hash = Math.imul(hash ^ byte, 0x0100_0193)
    }
    return hash
  }

  #identity(offset: number | undefined): number {
    return offset === undefined ? 0 : this.#hashOf(offset, this.bytes.length)
  }

  #offsetOf(address: number): number | undefined {
    const regions = this.#byAddress
    let low = 0
    let high = regions.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (((regions[middle] as Region).address as number) <= address) low = middle
      else high = middle - 1
    }
    const region = regions[low]
    if (region === undefined) return undefined
    const inside = address - (region.address as number)
    return inside >= 0 && inside < region.length ? region.offset + inside : undefined
  }
}

function hashWords(view: DataView, start: number): number {
  const end = Math.min(start + functionBytes, view.byteLength - 3)
  let hash = 0
  for (let at = start; at < end; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e37_79b1)
    hash ^= hash >>> 15
  }
  return hash
}

function readSigned(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32
}

function readWord(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}
