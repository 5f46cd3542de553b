import { hexOf } from '../../manifests/digest.ts'
import type { BlobInfo, BlobReader, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../storage/errors.ts'
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
import { isDamage } from '../repository/is-damage.ts'
import { packKey, packPrefix } from '../repository/layout.ts'
import type { Damage } from './damage.ts'
import { mending, type Mender } from './mender.ts'
import type { VerifyPass } from './verify-pass.ts'
import { everything, isKeyInSlice, type Slice } from './verify-slice.ts'

export interface PackChecks extends CallOptions {
  readonly slice?: Slice | undefined
  /** What was seen before is passed over. */
  readonly pass?: VerifyPass | undefined
  readonly mender?: Mender | undefined
}

/**
 * Reads every pack, or those in a part: its header must be that of its key, its length as declared, and each of its
 * groups whole. What the groups make is not checked: machines do that. One that is gone by then is no damage. Returns how
 * many there are.
 */
export async function checkPacks(
  store: BlobReader,
  damages: Damage[],
  { signal, slice = everything, pass, mender }: PackChecks,
): Promise<number> {
  let count = 0
  const after = pass?.lastPack
  const check = async (key: string): Promise<void> => {
    count++
    const problem = await mending(
      async () => packProblem(store, key, { signal }),
      (found) => found !== undefined,
      mender && (async () => mender.pack(key, { signal })),
    )
    if (problem !== undefined) damages.push({ kind: 'pack', what: key, problem, touches: [] })
    pass?.sawPack(key, problem !== undefined)
  }
  for (const key of pass?.damagedPacks ?? []) await check(key)
  for await (const { key } of store.list(packPrefix, { signal, ...(after !== undefined && { after }) })) {
    if (isKeyInSlice(key, slice)) await check(key)
  }
  return count
}

/** What is wrong with a pack, as far as `checkPacks` looks; undefined when nothing is. */
export async function packProblem(
  store: BlobReader,
  key: string,
  options: CallOptions,
): Promise<string | undefined> {
  const blob = await store.stat(key, options)
  if (blob === undefined) return undefined
  const read = (start: number, end: number): Promise<Uint8Array> =>
    readRange(store, blob, { start, end }, options)
  try {
    const headerLength = packHeaderLength(await read(0, preambleBytes))
    const header = decodePackHeader(await read(0, headerLength))
    if (packKey(header.from, header.to) !== key) return `it is the pack ${nameOf(header)}`
    const length = packLength(header, headerLength)
    if (length !== blob.bytes) return `it has ${blob.bytes} bytes, not the ${length} that it declares`
    let start = headerLength
    for (const group of header.groups) {
      new DecodedGroup(group, await read(start, start + groupLength(group)))[Symbol.dispose]()
      start += groupLength(group)
    }
    return undefined
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    if (error instanceof PackError || isDamage(error)) return error.message
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
