import type { SparseMap } from '../../manifests/entry.ts'
import type { PaxRecord } from './pax-records.ts'
import { blockBytes } from './tar-header.ts'
import { parseTarNumber } from './tar-number.ts'

type Extent = readonly [offset: number, length: number]

/** More would take more memory than any file is worth. */
const maxExtents = 1_000_000

/** Digits of a number of 64 bits. */
const longestNumber = 20

/** What GNU's records say of a sparse file in PAX form. */
export interface PaxSparse {
  /** With its holes. */
  readonly size: number
  /** Undefined when the map is at the beginning of the data (version 1.0). */
  readonly map: readonly Extent[] | undefined
  readonly name: string | undefined
}

/**
 * The file's map in the one way manifests have, undefined when it has no holes. Throws an Error that says in words
 * what is wrong with a map: extents that overlap, go backwards or reach past the end, or that are not as many bytes
 * as `storedBytes`, the data that follow.
 */
export function sparseMapOf(
  size: number,
  map: readonly Extent[],
  storedBytes: number,
): SparseMap | undefined {
  const data: [number, number][] = []
  let [end, total] = [0, 0]
  for (const [offset, length] of map) {
    if (offset < end) throw new Error(`its map goes backwards: data at ${offset} after data up to ${end}`)
    end = offset + length
    if (end > size) throw new Error(`its map has data up to ${end}, past its size of ${size}`)
    total += length
    if (length > 0) addExtent(data, offset, length)
  }
  if (total !== storedBytes) {
    throw new Error(`its map has ${total} bytes of data, and the archive ${storedBytes}`)
  }
  return total === size ? undefined : { size, data }
}

/** Versions 0.0, 0.1 and 1.0; undefined when there are no such records. */
export function paxSparseOf(records: readonly PaxRecord[]): PaxSparse | undefined {
  if (records.length === 0) return undefined
  const last = new Map(
    records.map(({ key, value }) => [key.slice('GNU.sparse.'.length), value.toString('latin1')]),
  )
  const [major, minor] = [last.get('major'), last.get('minor')]
  const name = last.get('name')
  if (major !== undefined || minor !== undefined) {
    if (major !== '1' || minor !== '0')
      throw new Error(`is sparse in version ${major}.${minor}, which is not read`)
    return { size: numberIn(last.get('realsize'), 'GNU.sparse.realsize'), map: undefined, name }
  }
  const size = numberIn(last.get('size'), 'GNU.sparse.size')
  const list = last.get('map')
  return { size, map: list === undefined ? pairsIn(records) : listIn(list), name }
}

/** The map at the beginning of the data in version 1.0, and how many bytes it took. */
export async function readDataMap(
  readBlock: () => Promise<Buffer>,
  limitBytes: number,
): Promise<{ readonly map: readonly Extent[]; readonly bytes: number }> {
  const numbers: number[] = []
  let [text, bytes, expected] = ['', 0, 1]
  while (numbers.length < expected) {
    if (bytes + blockBytes > limitBytes) throw new Error('its map goes on past the end of its data')
    text += (await readBlock()).toString('latin1')
    bytes += blockBytes
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      // What follows the last number in its block is padding.
      if (numbers.length === expected) break
      numbers.push(numberIn(line, 'a line of its map'))
      if (numbers.length === 1) expected = 1 + 2 * boundedCount(numbers[0] ?? 0)
    }
    if (numbers.length < expected && text.length > longestNumber) {
      throw new Error('its map has a line that is no number')
    }
  }
  return { map: pairsOf(numbers.slice(1)), bytes }
}

/** The map in the header of GNU's old form and in the blocks after it, and the size of the file. */
export async function readOldMap(
  header: Buffer,
  readBlock: () => Promise<Buffer>,
): Promise<{ readonly map: readonly Extent[]; readonly size: number }> {
  const map: Extent[] = []
  const size = fieldIn(header, 483, 'its size')
  addFields(map, header.subarray(386, 482))
  let isContinued = header[482] !== 0
  while (isContinued) {
    const block = await readBlock()
    addFields(map, block.subarray(0, 504))
    isContinued = block[504] !== 0
  }
  return { map, size }
}

function addFields(map: Extent[], fields: Buffer): void {
  for (let start = 0; start < fields.length; start += 24) {
    if (fields[start] === 0) return
    map.push([fieldIn(fields, start, 'its map'), fieldIn(fields, start + 12, 'its map')])
  }
  boundedCount(map.length)
}

function fieldIn(block: Buffer, start: number, what: string): number {
  const value = parseTarNumber(block.subarray(start, start + 12))
  if (value === undefined || Number.isNaN(value) || value < 0)
    throw new Error(`${what} has a field that is no number`)
  return value
}

function pairsIn(records: readonly PaxRecord[]): Extent[] {
  const numbers = records
    .filter(({ key }) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
    .map(({ key, value }, i) => {
      const expected = i % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes'
      if (key !== expected) throw new Error(`its map has "${key}" where "${expected}" is due`)
      return numberIn(value.toString('latin1'), key)
    })
  return pairsOf(numbers)
}

function listIn(list: string): Extent[] {
  if (list === '') return []
  return pairsOf(list.split(',').map((text) => numberIn(text, 'GNU.sparse.map')))
}

function pairsOf(numbers: readonly number[]): Extent[] {
  if (numbers.length % 2 !== 0) throw new Error('its map has an offset without a length')
  boundedCount(numbers.length / 2)
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0])
}

function numberIn(text: string | undefined, what: string): number {
  const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw new Error(
    `"${what}" ${text === undefined ? 'is missing' : `says ${JSON.stringify(text.slice(0, 40))}`}`,
  )
}

function boundedCount(count: number): number {
  if (count > maxExtents) throw new Error(`its map has ${count} pieces of data; the limit is ${maxExtents}`)
  return count
}

function addExtent(data: [number, number][], offset: number, length: number): void {
  const last = data.at(-1)
  if (last !== undefined && last[0] + last[1] === offset) last[1] += length
  else data.push([offset, length])
}
