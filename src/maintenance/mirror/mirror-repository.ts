import type { BlobReader, BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { timestampKey } from '../../repository/layout.ts'
import { isSameCommit } from '../../repository/fence.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { LogError } from '../../transparency/errors.ts'
import type { MirrorOptions, MirrorSource } from './mirror-options.ts'
import { MirrorError } from './errors.ts'
import { MirrorRun, type MirrorReport } from './mirror-run.ts'
import { MovedError, type MirrorTarget } from './mirror-target.ts'
import { StoreTarget } from './store-target.ts'
import { ThrottledReader } from './throttled-reader.ts'

/** The source goes on while it is read, and collectors work at either end. */
const maxTries = 20

/**
 * Brings a store to the state of another one, or of a part of it. Everything is checked before it is stored: the whole chain
 * of metadata by TUF's rules, all else by its digest. Stored in the order of a publish, the timestamp last, in the
 * place of exactly the one that was found: so the destination is whole at every moment, never goes back, and what a run
 * that died has left is taken up by the next. Throws a MirrorError, ROOT_MISMATCH, LOG_FORKED and what reading throws.
 */
export async function mirrorRepository(
  source: MirrorSource,
  destination: BlobStore,
  options: MirrorOptions,
): Promise<MirrorReport> {
  const { signal, now, onNote = ignore } = options
  return runMirror(source, options, async (isSecondTry) =>
    StoreTarget.open(destination, { signal, now, isSecondTry, onNote }),
  )
}

/** As `mirrorRepository`, to whatever `open` gives, anew for each try. */
export async function runMirror(
  { reader, canList, checkDestination }: MirrorSource,
  options: MirrorOptions,
  open: (isSecondTry: boolean) => Promise<MirrorTarget>,
): Promise<MirrorReport> {
  const { limit, signal, onNote = ignore } = options
  const source = { reader: limit === undefined ? reader : new ThrottledReader(reader, limit), canList }
  for (let tries = 1; ; tries++) {
    await using target = await open(tries > 1)
    checkDestination?.(target.base)
    const run = new MirrorRun(source, target, { ...options, onNote })
    try {
      return await run.run()
    } catch (error) {
      signal?.throwIfAborted()
      const why = await whyAgain(error, source.reader, run.sourceTimestamp, { signal })
      if (why === undefined) throw error
      if (tries === maxTries) throw unsettled(tries, error)
      onNote(why)
    }
  }
}

/** Undefined: the same would come of another try. */
async function whyAgain(
  error: unknown,
  source: BlobReader,
  timestamp: Buffer | undefined,
  options: CallOptions,
): Promise<string | undefined> {
  if (error instanceof MovedError) return 'the destination was changed meanwhile; it is looked at again'
  if (timestamp === undefined || !(isDamage(error) || error instanceof LogError)) return undefined
  const now = await readBlob(source, timestampKey, options)
  const hasMoved = now !== undefined && !isSameCommit(now.bytes, timestamp)
  return hasMoved
    ? 'the source has published meanwhile, and dropped what was to be copied; its new state is taken'
    : undefined
}

function unsettled(tries: number, cause: unknown): MirrorError {
  return new MirrorError('MIRROR_UNSETTLED', `source or destination changed during each of ${tries} tries`, {
    hint: 'what was copied is kept: run the same command again when less is going on',
    cause,
  })
}

function ignore(): void {
  // Nobody listens.
}
