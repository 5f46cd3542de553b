import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdDecompress } from 'node:zlib'
import { hexOf } from '../../manifests/digest.ts'
import { manifestWindowLog } from '../../manifests/manifest-limits.ts'
import { digestFile } from '../digest-file.ts'
import { MachineError } from './errors.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { MachineLayout } from './machine-layout.ts'
import type { SlotRecord } from './machine-state.ts'
import { syncDirectory } from './write-durably.ts'

/** The largest manifest a machine takes: a million entries have about 200 MB. */
const maxManifestBytes = 1 << 30

/** Makes sure that a module's manifest lies on the machine, verified. */
export async function fetchManifest(
  layout: MachineLayout,
  fetcher: HttpFetcher,
  { name, digest, bytes }: SlotRecord['modules'][number],
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = layout.manifest(digest)
  if (existsSync(file)) return
  if (bytes > maxManifestBytes) {
    throw new MachineError(
      'OBJECT_CORRUPT',
      `the manifest of ${name} has ${bytes} bytes; the limit is ${maxManifestBytes}`,
    )
  }
  const path = `manifests/${hexOf(digest)}.ndjson.zst`
  const temporary = `${file}.tmp`
  const options = { maxBytes: bytes + (bytes >> 8) + 1024, signal }
  const isThere = await fetcher.fetchChecked(path, options, async (stored) => {
    try {
      await decompress(stored, temporary, path, bytes)
      const { digest: found } = await digestFile(temporary)
      if (found === digest) return true
      throw new MachineError('OBJECT_CORRUPT', `${path} holds the bytes of ${found}`, { hint })
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  })
  if (isThere === undefined) {
    throw new MachineError('OBJECT_MISSING', `the repository lacks ${path}, the manifest of ${name}`, {
      hint,
    })
  }
  renameSync(temporary, file)
  syncDirectory(layout.manifests)
}

/** Stops at the declared length, with the window that the format allows. */
async function decompress(stored: Buffer, to: string, path: string, bytes: number): Promise<void> {
  const plain = createZstdDecompress({
    params: { [constants.ZSTD_d_windowLogMax]: manifestWindowLog },
    rejectGarbageAfterEnd: true,
  })
  let left = bytes
  try {
    await pipeline(
      [stored],
      plain,
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          left -= piece.length
          if (left < 0) throw new RangeError('longer than declared')
          yield piece
        }
      },
      createWriteStream(to, { flush: true }),
    )
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw cause
    throw new MachineError('OBJECT_CORRUPT', `${path} is not a zstd frame of ${bytes} bytes`, { hint, cause })
  }
}

const hint = 'tell whoever runs the repository to run "vend verify" on it; this machine stays as it is'
