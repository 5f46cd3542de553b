import type { ByteReader, ByteWriter } from './byte-writer.ts'
import type { Executable } from './elf.ts'
import type { Region } from './region.ts'

/** Where the sections of the basis are in the file of the target. */
export interface SectionLayout {
  /** By section of the basis: offset and size in the target. */
  readonly starts: Float64Array
  readonly sizes: Float64Array
  /** Where the section table starts. */
  readonly table: number
}

/** Matches sections by their names; one that the target lacks counts as unchanged. */
export function findSections(basis: Executable, target: Executable): SectionLayout {
  const byName = new Map(target.regions.map((region) => [region.name, region]))
  return layOut(basis, (region, start, size) => {
    const other = region === undefined ? undefined : byName.get(region.name)
    if (region === undefined) return { start: near(target.table.offset, start), size }
    if (other === undefined) return { start, size }
    return { start: near(other.offset, start), size: near(other.addressLength, size) }
  })
}

/** Writes by how much the sections are elsewhere than they would be if laid out as in the basis: mostly nothing. */
export function writeSections(layout: SectionLayout, basis: Executable, writer: ByteWriter): void {
  const differences: number[] = []
  layOut(basis, (region, expected, expectedSize) => {
    const start = region === undefined ? layout.table : (layout.starts[region.section] as number)
    const size = region === undefined ? expectedSize : (layout.sizes[region.section] as number)
    differences.push(start - expected, size - expectedSize)
    return { start, size }
  })
  const isUsual = differences.every((difference) => difference === 0)
  writer.byte(isUsual ? 0 : 1)
  if (!isUsual) for (const difference of differences) writer.signed(difference)
}

export function readSections(basis: Executable, reader: ByteReader): SectionLayout {
  const isUsual = reader.byte() === 0
  const next = (): number => (isUsual ? 0 : reader.signed())
  return layOut(basis, (_, expected, expectedSize) => ({
    start: expected + next(),
    size: expectedSize + next(),
  }))
}

const maxDistance = 2 ** 48

interface Place {
  readonly start: number
  readonly size: number
}

/** Asks for each section in the order of the file, and at last for the section table, where it goes. */
function layOut(
  basis: Executable,
  place: (region: Region | undefined, expected: number, expectedSize: number) => Place,
): SectionLayout {
  const starts = new Float64Array(basis.regions.length)
  const sizes = new Float64Array(basis.regions.length)
  let end = 0
  let newEnd = 0
  const expect = (offset: number, alignment: number): number =>
    alignUp(end, alignment) === offset ? alignUp(newEnd, alignment) : newEnd + offset - end
  const inFile = basis.regions.filter((region) => region.section !== 0).sort((a, b) => a.offset - b.offset)
  for (const region of inFile) {
    const placed = place(region, expect(region.offset, region.alignment), region.addressLength)
    starts[region.section] = placed.start
    sizes[region.section] = placed.size
    end = region.offset + region.length
    newEnd = placed.start + (region.length === 0 ? 0 : placed.size)
  }
  const { offset } = basis.table
  return { starts, sizes, table: place(undefined, expect(offset, 8), 0).start }
}

/** What is too far from what is expected to be written is not worth it. */
function near(value: number, expected: number): number {
  return Math.abs(value - expected) < maxDistance ? value : expected
}

function alignUp(offset: number, alignment: number): number {
  return alignment > 1 ? Math.ceil(offset / alignment) * alignment : offset
}
