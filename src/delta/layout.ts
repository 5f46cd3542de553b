import { ByteReader, ByteWriter } from './byte-writer.ts'
import { DeltaError } from './errors.ts'
import type { Executable } from './elf.ts'
import { maxExceptions } from './limits.ts'
import type { Exception } from './movement.ts'
import { readSections, writeSections } from './section-layout.ts'
import type { SectionLayout } from './section-layout.ts'
import type { TypeLayout } from './type-layout.ts'

/** What the decoder cannot know of the target of a predicted delta: its layout in memory, and what moved oddly. */
export interface Layout {
  /** By section of the basis: what the target adds to address minus offset, or to the address if it has no bytes. */
  readonly biases: Float64Array
  readonly exceptions: readonly Exception[]
  /** Where nothing is linked yet. */
  readonly sections: SectionLayout | undefined
  /** Where basis and target have types. */
  readonly types: TypeLayout | undefined
}

/** Matches sections by their names. */
export function findBiases(basis: Executable, target: Executable): Float64Array {
  const byName = new Map(target.regions.map((region) => [region.name, region]))
  const biases = new Float64Array(basis.regions.length)
  for (const region of basis.regions) {
    const other = byName.get(region.name)
    if (region.address === undefined || other?.address === undefined) continue
    const moved = other.address - region.address
    biases[region.section] = region.length === 0 ? moved : moved - (other.offset - region.offset)
  }
  return biases
}

/** Its length goes before it, so that a reader without the basis can pass over it. */
export function writeLayout(layout: Layout, basis: Executable, to: ByteWriter): void {
  const writer = new ByteWriter()
  writeFields(layout, basis, writer)
  to.unsigned(writer.length)
  to.bytes(writer.written())
}

export function skipLayout(from: ByteReader): void {
  from.take(from.unsigned())
}

function writeFields(layout: Layout, basis: Executable, writer: ByteWriter): void {
  for (const region of basis.regions) {
    if (region.address !== undefined) writer.signed(layout.biases[region.section] as number)
  }
  writer.unsigned(layout.exceptions.length)
  let end = 0
  let last = 0
  for (const { start, length, shift } of layout.exceptions) {
    writer.unsigned(start - end)
    writer.unsigned(length)
    writer.signed(shift - last)
    end = start + length
    last = shift
  }
  if (layout.sections !== undefined) writeSections(layout.sections, basis, writer)
  if (layout.types === undefined) return
  writer.signed(layout.types.baseTypes)
  writer.signed(layout.types.baseStrings)
  for (const count of layout.types.newTypes) writer.signed(count)
}

export function readLayout(basis: Executable, from: ByteReader): Layout {
  const reader = new ByteReader(from.take(from.unsigned()), 'layout')
  const biases = new Float64Array(basis.regions.length)
  for (const region of basis.regions) {
    if (region.address !== undefined) biases[region.section] = reader.signed()
  }
  const count = reader.unsigned()
  if (count > maxExceptions) {
    throw new DeltaError('DELTA_TOO_LARGE', `the delta has ${count} exceptions, more than ${maxExceptions}`)
  }
  const exceptions: Exception[] = []
  let end = 0
  let last = 0
  for (let index = 0; index < count; index++) {
    const start = end + reader.unsigned()
    const length = reader.unsigned()
    last += reader.signed()
    exceptions.push({ start, length, shift: last })
    end = start + length
  }
  const sections = basis.relocatable ? readSections(basis, reader) : undefined
  return { biases, exceptions, sections, types: reader.remaining > 0 ? readTypes(reader) : undefined }
}

function readTypes(reader: ByteReader): TypeLayout {
  const baseTypes = reader.signed()
  const baseStrings = reader.signed()
  const newTypes: number[] = []
  while (reader.remaining > 0) newTypes.push(reader.signed())
  return { baseTypes, baseStrings, newTypes }
}
