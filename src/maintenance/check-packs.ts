import { hexOf } from '../../manifests/digest.ts'
import type { BlobInfo, BlobReader, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { DecodedGroup } from '../pack/decoded-group.ts'
import { PackError } from '../pack/errors.ts'
import {
  decodePackHeader,
  groupLength,
  packHeaderLength,
  packLength,
  preambleBytes,
  type PackHeader,
} from '../pack/pack-header.ts'
import { packKey, packPrefix } from '../repository/layout.ts'
import type { Damage } from './damage.ts'

/**
 * Reads every pack: its header must be that of its key, its length as declared, and each of its groups whole. What the
 * groups make is not checked: machines do that. Returns how many there are.
 */
export async function checkPacks(
  store: BlobReader,
  damages: Damage[],
  options: CallOptions,
): Promise<number> {
  let count = 0
  for await (const blob of store.list(packPrefix, options)) {
    count++
    const problem = await problemOf(store, blob, options)
    if (problem !== undefined) damages.push({ kind: 'pack', what: blob.key, problem, touches: [] })
  }
  return count
}

async function problemOf(
  store: BlobReader,
  blob: BlobInfo,
  options: CallOptions,
): Promise<string | undefined> {
  const read = (start: number, end: number): Promise<Uint8Array> =>
    readRange(store, blob, { start, end }, options)
  try {
    const headerLength = packHeaderLength(await read(0, preambleBytes))
    const header = decodePackHeader(await read(0, headerLength))
    if (packKey(header.from, header.to) !== blob.key) return `it is the pack ${nameOf(header)}`
    const length = packLength(header, headerLength)
    if (length !== blob.bytes) return `it has ${blob.bytes} bytes, not the ${length} that it declares`
    let start = headerLength
    for (const group of header.groups) {
      new DecodedGroup(group, await read(start, start + groupLength(group)))[Symbol.dispose]()
      start += groupLength(group)
    }
    return undefined
  } catch (error) {
    if (error instanceof PackError) return error.message
    throw error
  }
}

function nameOf({ from, to }: PackHeader): string {
  return `from ${from === undefined ? 'nothing' : hexOf(from)} to ${hexOf(to)}`
}

async function readRange(
  store: BlobReader,
  { key, bytes }: BlobInfo,
  range: ByteRange,
  options: CallOptions,
): Promise<Uint8Array> {
  if (range.start >= Math.min(range.end, bytes)) return new Uint8Array()
  const { stream } = await store.get(key, { ...options, range })
  return Buffer.concat((await stream.toArray()) as Uint8Array[])
}
