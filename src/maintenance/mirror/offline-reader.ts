import { open, type FileHandle } from 'node:fs/promises'
import * as z from 'zod'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import { resolveRange } from '../../../storage/byte-range.ts'
import { BlobNotFoundError, StoreUnavailableError } from '../../../storage/errors.ts'
import { FileSlice } from '../../../storage/file-slice.ts'
import { destroyOnAbort } from '../../../storage/abort.ts'
import { timestampKey } from '../../repository/layout.ts'
import { MirrorError } from './errors.ts'
import type { MirrorBase } from './mirror-target.ts'
import { mirrorStateFields, type MirrorState } from './mirror-state.ts'
import { offlineFormat, offlineHeaderName } from './offline-target.ts'
import { blockBytes, decodeMemberHeader, memberNameOf, paddingOf } from './offline-tar.ts'

const maxHeaderBytes = 16 << 20

const schema = z.strictObject({
  format: z.literal(offlineFormat),
  since: z.strictObject(mirrorStateFields).optional(),
  snapshot: z.number(),
  timestamp: z.number(),
})

interface Member {
  readonly start: number
  readonly bytes: number
}

/** The repository in a file of `OfflineTarget`, or the part of it that the file has. */
export class OfflineReader implements BlobReader {
  readonly name: string
  /** What its destination must have; undefined: nothing. */
  readonly since: MirrorState | undefined
  readonly #members: ReadonlyMap<string, Member>

  private constructor(name: string, members: ReadonlyMap<string, Member>, since: MirrorState | undefined) {
    this.name = name
    this.#members = members
    this.since = since
  }

  /** Looks at every header. Throws MIRROR_FILE_INVALID for a file that is none, is damaged or was cut off. */
  static async open(path: string): Promise<OfflineReader> {
    await using file = await open(path, 'r')
    const members = await readMembers(path, file)
    const header = members.get(offlineHeaderName)
    if (header === undefined) throw invalid(path, 'is not a mirror in a file')
    const since = await readSince(path, file, header)
    if (!members.has(timestampKey)) throw invalid(path, 'has no timestamp')
    return new OfflineReader(path, members, since)
  }

  /** Throws MIRROR_FILE_UNFIT for a destination that lacks what the file leaves out. */
  checkDestination(base: MirrorBase | undefined): void {
    if (this.since === undefined) return
    const { snapshot, absent } = this.since
    const has = base?.state.snapshot.metadata.signed.version ?? 0
    const lacks =
      base?.presence.absent.releases.some((version) => !absent.releases.includes(version)) === true ||
      base?.presence.absent.modules.some((name) => !absent.modules.includes(name)) === true
    if (has >= snapshot.version && !lacks) return
    const state =
      base === undefined ? 'nothing' : `snapshot ${has}${lacks ? ', and less of its contents' : ''}`
    throw new MirrorError(
      'MIRROR_FILE_UNFIT',
      `${this.name} was made for a destination that has snapshot ${snapshot.version}; this one has ${state}`,
      {
        hint: 'import the files before it first, or have one made for what it has: vend mirror DESTINATION --state FILE',
      },
    )
  }

  async stat(key: string): Promise<BlobInfo | undefined> {
    const member = this.#member(key)
    return member === undefined ? undefined : infoOf(key, member)
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    options.signal?.throwIfAborted()
    const member = this.#member(key)
    if (member === undefined) throw new BlobNotFoundError(this.name, key)
    const { start, end } = resolveRange(this.name, key, options.range, member.bytes)
    const handle = await open(this.name, 'r')
    const range = { start: member.start + start, end: member.start + end }
    const stream = new FileSlice(handle, range, (problem) => this.#broken(key, problem))
    return { info: infoOf(key, member), stream: destroyOnAbort(stream, options.signal) }
  }

  async *list(
    prefix: string,
    { after = '' }: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    const keys = [...this.#members.keys()].filter((key) => key.startsWith(prefix) && key > after)
    for (const key of keys.sort()) {
      const member = this.#members.get(key)
      if (member !== undefined) yield infoOf(key, member)
    }
  }

  #member(key: string): Member | undefined {
    return this.#members.get(memberNameOf(key))
  }

  #broken(key: string, problem: unknown): Error {
    const text = problem instanceof Error ? problem.message : String(problem)
    return new StoreUnavailableError(this.name, key, text, { transient: false, cause: problem })
  }
}

async function readMembers(path: string, file: FileHandle): Promise<ReadonlyMap<string, Member>> {
  const { size } = await file.stat()
  const members = new Map<string, Member>()
  const block = Buffer.alloc(blockBytes)
  for (let at = 0; ;) {
    const { bytesRead } = await file.read(block, 0, blockBytes, at)
    if (bytesRead < blockBytes) throw cutOff(path, size)
    if (block.every((byte) => byte === 0)) {
      if (members.size === 0) throw invalid(path, 'is not a mirror in a file')
      if (at + 2 * blockBytes > size) throw cutOff(path, size)
      return members
    }
    const member = decodeMemberHeader(block)
    if (
      member === undefined ||
      (at === 0) !== (member.name === offlineHeaderName) ||
      members.has(member.name)
    ) {
      throw invalid(path, at === 0 ? 'is not a mirror in a file' : `is damaged at byte ${at}`)
    }
    const start = at + blockBytes
    members.set(member.name, { start, bytes: member.bytes })
    at = start + member.bytes + paddingOf(member.bytes)
    if (at > size) throw cutOff(path, size)
  }
}

async function readSince(
  path: string,
  file: FileHandle,
  { start, bytes }: Member,
): Promise<MirrorState | undefined> {
  if (bytes > maxHeaderBytes) throw invalid(path, 'is not a mirror in a file')
  const buffer = Buffer.alloc(bytes)
  await file.read(buffer, 0, bytes, start)
  try {
    return schema.parse(JSON.parse(buffer.toString('utf8'))).since
  } catch (cause) {
    throw invalid(path, 'says of itself what this version does not read', cause)
  }
}

function infoOf(key: string, { start, bytes }: Member): BlobInfo {
  return { key, bytes, etag: `${start}-${bytes}`, modified: new Date(0) }
}

function cutOff(path: string, size: number): MirrorError {
  return invalid(path, `ends after ${size} bytes, before its end: it was cut off`)
}

function invalid(path: string, problem: string, cause?: unknown): MirrorError {
  return new MirrorError('MIRROR_FILE_INVALID', `${path} ${problem}`, {
    hint: 'copy it again from where it was made: nothing of it was stored',
    cause,
  })
}
