import type { ParsedTable } from './parsed-table.ts'
import type { ReadAt } from './elf.ts'
import { form } from './reference-list.ts'
import type { Form } from './reference-list.ts'
import type { Region } from './region.ts'

/** A section larger than this is not looked into: the reader must hold it. */
const maxSectionBytes = 8 << 20
const magic = 0xeb9f
const minHeaderBytes = 24
const recordBytes = 12
/** A type and what it was made for are seldom further apart, in types. */
const reach = 3

/** What refers to what, when one lies near the other: nearly every type that does is of one of these kinds. */
const neighbours = new Map([
  [3, new Set([10])], // an array of constants
  [10, new Set([3, 4])], // a constant array or structure
  [2, new Set([4, 10, 13])], // a pointer to a structure, a constant or a prototype
  [12, new Set([13])], // a function and its prototype
])

/** What the third word of a type of each kind is: a type (t) or anything else (-). */
const thirdWord = '--t-----tttttttt-tt-'
/** What follows the type, by kind: once, or (*) once for each member: a name (n), a type (t) or anything else (-). */
const trailers = [
  '', '-', '', 'tt-', '*nt-', '*nt-', '*n-', '', '', '', '', '', '', '*nt', '-', '*t--', '', '-', '', '*n--',
] // prettier-ignore

/** The types and strings of a BTF section. Its references, by ascending offset in the file, are the table's. */
export interface Btf extends ParsedTable {
  /** Where each type starts, as offset in the file; the first has the id `firstType`. */
  readonly types: Float64Array
  readonly typesEnd: number
  readonly firstType: number
  /** Where the strings lie in the file; the first has the offset `firstString` in names. */
  readonly strings: number
  readonly stringsEnd: number
  readonly firstString: number
}

/**
 * Reads a section of the kernel's BPF Type Format (Documentation/bpf/btf.rst of Linux). A module's is "split": what
 * it numbers goes on behind a base, the kernel's own, that is not at hand. How large the base is, is inferred: the
 * last string has the largest offset, and functions lie next to their prototypes. What is inferred wrongly, or what
 * does not hold together, costs bytes and nothing else.
 */
export function readBtf(region: Region, readAt: ReadAt): Btf {
  const bytes = region.length <= maxSectionBytes ? readAt(region.offset, region.length) : new Uint8Array()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < minHeaderBytes || view.getUint16(0, true) !== magic) return empty()
  const headerBytes = view.getUint32(4, true)
  const types = headerBytes + view.getUint32(8, true)
  const typesEnd = types + view.getUint32(12, true)
  const strings = headerBytes + view.getUint32(16, true)
  const stringsEnd = strings + view.getUint32(20, true)
  // Strings that lie among the types would be rewritten as both.
  if (typesEnd > strings || stringsEnd > bytes.length) return empty()
  const reader = new TypeReader(view, region.offset, types, typesEnd)
  return {
    ...reader.table(),
    types: reader.types(),
    typesEnd: region.offset + reader.end,
    firstType: reader.firstType(),
    strings: region.offset + strings,
    stringsEnd: region.offset + stringsEnd,
    firstString: Math.max(0, reader.lastName - lastString(bytes, strings, stringsEnd)),
  }
}

/** Where the last string starts, from the first. */
function lastString(bytes: Uint8Array, strings: number, end: number): number {
  return end - strings < 2 ? 0 : Math.max(bytes.lastIndexOf(0, end - 2) + 1 - strings, 0)
}

class TypeReader {
  readonly #view: DataView
  readonly #toOffset: number
  readonly #offsets: Float64Array
  readonly #forms: Uint8Array
  readonly #types: Float64Array
  #fields = 0
  #typeCount = 0
  end: number
  lastName = 0
  #lastType = 0

  constructor(view: DataView, toOffset: number, from: number, to: number) {
    this.#view = view
    this.#toOffset = toOffset
    const words = Math.max(0, to - from) >> 2
    this.#offsets = new Float64Array(words)
    this.#forms = new Uint8Array(words)
    this.#types = new Float64Array(words / 3 + 1)
    this.end = from
    while (this.end + recordBytes <= to && this.#readType(to));
  }

  table(): ParsedTable {
    return {
      offsets: this.#offsets.subarray(0, this.#fields),
      forms: this.#forms.subarray(0, this.#fields),
    }
  }

  types(): Float64Array {
    return this.#types.subarray(0, this.#typeCount)
  }

  #readType(to: number): boolean {
    const at = this.end
    const info = this.#view.getUint32(at + 4, true)
    const typeKind = (info >>> 24) & 31
    const trailer = trailers[typeKind]
    if (trailer === undefined) return false
    const repeated = trailer.startsWith('*')
    const words = repeated ? trailer.length - 1 : trailer.length
    const count = repeated ? info & 0xffff : Math.min(words, 1)
    if (count * words * 4 > to - at - recordBytes) return false
    this.#types[this.#typeCount++] = at + this.#toOffset
    this.#addName(at)
    if (thirdWord[typeKind] === 't') this.#addType(at + 8)
    let field = at + recordBytes
    for (let index = 0; index < count; index++) {
      for (let word = trailer.length - words; word < trailer.length; word++, field += 4) {
        const is = trailer.charCodeAt(word)
        if (is === 0x6e) this.#addName(field)
        else if (is === 0x74) this.#addType(field)
      }
    }
    this.end = field
    return true
  }

  #addName(at: number): void {
    const name = this.#view.getUint32(at, true)
    if (name === 0) return
    if (name > this.lastName) this.lastName = name
    this.#add(at, form.typeName)
  }

  #addType(at: number): void {
    const type = this.#view.getUint32(at, true)
    if (type === 0) return
    if (type > this.#lastType) this.#lastType = type
    this.#add(at, form.typeId)
  }

  #add(at: number, is: Form): void {
    this.#offsets[this.#fields] = at + this.#toOffset
    this.#forms[this.#fields++] = is
  }

  /** The id of the first type, to judge by the types that refer to a neighbour. */
  firstType(): number {
    const count = this.#typeCount
    const lowest = Math.max(1, this.#lastType + 1 - count)
    const votes = new Uint32Array(count + 1)
    let best = -1
    for (let index = 0; index < count; index++) {
      const near = neighbours.get(this.#kindOf(index))
      if (near === undefined) continue
      const id = this.#view.getUint32((this.#types[index] as number) - this.#toOffset + 8, true)
      const to = Math.min(count - 1, index + reach)
      for (let other = Math.max(0, index - reach); other <= to; other++) {
        const vote = id - other - lowest
        if (vote < 0 || vote > count || other === index || !near.has(this.#kindOf(other))) continue
        const has = ((votes[vote] as number) += 1)
        if (best < 0 || has > (votes[best] as number)) best = vote
      }
    }
    return best < 0 ? this.#lastType + 1 : lowest + best
  }

  #kindOf(index: number): number {
    return this.#view.getUint8((this.#types[index] as number) - this.#toOffset + 7) & 31
  }
}

function empty(): Btf {
  const none = new Float64Array()
  return {
    offsets: none,
    forms: new Uint8Array(),
    types: none,
    typesEnd: 0,
    firstType: 0,
    strings: 0,
    stringsEnd: 0,
    firstString: 0,
  }
}
