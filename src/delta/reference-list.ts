/** How a reference is written where it stands. */
export const form = {
  /** Signed 32 bits, counted from the end of the field: the operand of an x86-64 call, jump or RIP-relative access. */
  afterField: 0,
  /** Signed 32 bits, counted from the field itself (DW_EH_PE_pcrel | DW_EH_PE_sdata4). */
  fromField: 1,
  /** 32 bits, counted from an address that all of a table share. */
  fromBase: 2,
  /** A 64-bit address. */
  absolute: 3,
  /** An Elf64_Rela entry of 24 bytes. */
  relocation: 4,
  /** An Elf64_Sym entry of 24 bytes. */
  symbol: 5,
  /** AArch64 `b` and `bl`: 26 bits, in words. */
  branch26: 6,
  /** AArch64 `adrp` alone, or with the first instruction that adds the low 12 bits, `extra` bytes after it. */
  page21: 7,
  /** 32 bits, counted backwards from the field itself: the way from a frame to its CIE in `.eh_frame`. */
  backFromField: 8,
  /** 32 bits: how many bytes there are from the address `extra` on. */
  extent: 9,
  /** A 32-bit address: an immediate operand in a program that is loaded at a fixed address. */
  absolute32: 10,
  /** AArch64 `b.cond`, `cbz`, `cbnz`, and `ldr` of a literal: 19 bits, in words. */
  branch19: 16,
  /** AArch64 `tbz` and `tbnz`: 14 bits, in words. */
  branch14: 17,
  /** AArch64 `adr`: 21 bits. */
  address21: 18,
  /** AArch64 `add`, load or store of the low 12 bits of an address in the page at `extra`. */
  low12: 19,
  /** 32 bits that end with as many decimal digits as `extra` says. */
  counter: 25,
  /** An Elf64_Shdr entry of 64 bytes. */
  section: 23,
  /** 64 bits, the offset of the section table. */
  sectionTable: 24,
  /** BTF: 32 bits, a string by its offset. */
  typeName: 20,
  /** BTF: 32 bits, a type by its id. */
  typeId: 21,
  /** 32 bits that are a checksum of a symbol. */
  checksum: 22,
} as const

export type Form = (typeof form)[keyof typeof form]

/** Those of AArch64 instructions. */
export type InstructionForm = (typeof form)[
  'branch26' | 'branch19' | 'branch14' | 'address21' | 'page21' | 'low12']

/** The places of a piece of content that hold references, in the order of the content. Reused from piece to piece. */
export class ReferenceList {
  count = 0
  /** Where each field starts, in bytes from the start of the content. */
  offsets = new Float64Array(1024)
  forms = new Uint8Array(1024)
  /**
   * `fromBase`: the address it is counted from; `page21`: the distance of the second instruction, 0 for none; `low12`:
   * the page.
   */
  extras = new Float64Array(1024)

  clear(): void {
    this.count = 0
  }

  add(offset: number, kind: Form, extra: number): void {
    if (this.count === this.offsets.length) this.#grow()
    this.offsets[this.count] = offset
    this.forms[this.count] = kind
    this.extras[this.count] = extra
    this.count++
  }

  #grow(): void {
    const length = this.count * 2
    const offsets = new Float64Array(length)
    offsets.set(this.offsets)
    this.offsets = offsets
    const forms = new Uint8Array(length)
    forms.set(this.forms)
    this.forms = forms
    const extras = new Float64Array(length)
    extras.set(this.extras)
    this.extras = extras
  }
}
