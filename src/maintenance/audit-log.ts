import { digestOf } from '../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import { earlierHeads } from '../repository/earlier-lists.ts'
import { isDamage } from '../repository/is-damage.ts'
import { targetKey } from '../repository/layout.ts'
import { entryOf } from '../repository/new-entries.ts'
import { readBlob } from '../repository/read-blob.ts'
import { listedIn, logHeadOf, logReader } from '../repository/repository-log.ts'
import { loadState, type RepositoryState } from '../repository/repository-state.ts'
import { checkpointPath, maxCheckpointBytes, parseCheckpoint } from '../transparency/checkpoint.ts'
import { LogError } from '../transparency/errors.ts'
import { decodeLogEntry, type LogEntry } from '../transparency/log-entry.ts'
import type { LogHead } from '../transparency/log-head.ts'
import type { ReadObject } from '../transparency/read-object.ts'
import { LogWalk, type LogFinding, type Milestone, type WalkedEntries } from '../transparency/walk-log.ts'
import { checkpointProblem, snapshotKeysOf } from './checkpoint-problem.ts'

export interface AuditOptions extends CallOptions {
  readonly trustedRoot?: Buffer | undefined
  /** A copy of the log that someone else has. */
  readonly copy?: LogCopy | undefined
  readonly onProgress?: (progress: { readonly entries: number; readonly total: number }) => void
}

export interface LogCopy {
  /** For messages. */
  readonly name: string
  readonly read: ReadObject
}

export interface AuditReport {
  /** As the snapshot signs it; undefined when the repository has no log. */
  readonly head: LogHead | undefined
  /** Of the copy; undefined without one, or when it has none that is signed. */
  readonly copyHead: LogHead | undefined
  /** How many documents the repository lists. */
  readonly listed: number
  /** Snapshots that sign another history: those of publishes that lost their race, as far as anyone knows. */
  readonly otherSnapshots: readonly number[]
  readonly findings: readonly LogFinding[]
}

const concurrentReads = 16

/** Of what a copy says and the store does not know. */
const maxFindings = 1000

/** A store may have lost the newer half of its log, or all of a young one; of a longer copy only so much is read. */
function maxCopied({ size }: LogHead): number {
  return 2 * size + 65_536
}

/**
 * Checks the log of a repository: its tiles lead to the head that the snapshot signs and to its checkpoint, each entry is
 * a document that the store holds, each document that is listed has an entry, and earlier heads are prefixes; of a
 * copy, that it is whole, and a prefix of the same history. Reads the log and all documents once. Throws what has nothing
 * to do with the log, as `loadState`.
 */
export async function auditLog(store: BlobReader, options: AuditOptions): Promise<AuditReport> {
  const state = await loadState(store, options)
  const head = logHeadOf(state)
  const audit = new Audit(store, state, options)
  if (head === undefined) {
    audit.find('the log', 'there is none: the repository gets one with the next commit, or by "vend refresh"')
    return audit.report(undefined, undefined)
  }
  const keys = await snapshotKeysOf(store, state, options)
  const own = await audit.checkpoint('log/checkpoint', logReader(store, options), keys)
  const copyHead =
    options.copy === undefined
      ? undefined
      : await audit.checkpoint(`${options.copy.name}: checkpoint`, options.copy.read, keys)
  await audit.walk(head, own, copyHead)
  if (copyHead !== undefined && options.copy !== undefined) await audit.walkCopy(copyHead, options.copy, head)
  return audit.report(head, copyHead)
}

class Audit {
  readonly #store: BlobReader
  readonly #state: RepositoryState
  readonly #options: AuditOptions
  readonly #findings: LogFinding[] = []
  readonly #otherSnapshots: number[] = []

  constructor(store: BlobReader, state: RepositoryState, options: AuditOptions) {
    this.#store = store
    this.#state = state
    this.#options = options
  }

  find(what: string, problem: string): void {
    this.#findings.push({ what, problem })
  }

  report(head: LogHead | undefined, copyHead: LogHead | undefined): AuditReport {
    const listed = Object.keys(listedIn(this.#state)).length
    return { head, copyHead, listed, otherSnapshots: this.#otherSnapshots, findings: this.#findings }
  }

  /** The head of a checkpoint that is signed as it must be. */
  async checkpoint(
    what: string,
    read: ReadObject,
    keys: readonly Uint8Array[],
  ): Promise<LogHead | undefined> {
    const bytes = await read(checkpointPath, maxCheckpointBytes)
    const problem = checkpointProblem(bytes, keys)
    if (problem !== undefined) this.find(what, problem)
    return problem !== undefined || bytes === undefined ? undefined : parseCheckpoint(bytes)?.head
  }

  /** The store's log, with all heads that are to be prefixes of it. */
  async walk(head: LogHead, own: LogHead | undefined, copy: LogHead | undefined): Promise<void> {
    const milestones = await this.#earlierHeads()
    if (own !== undefined) {
      milestones.push(this.#milestone(own, 'log/checkpoint'))
      if (own.size < head.size) {
        const problem = `is behind the signed head, which has ${head.size} entries, at ${own.size}`
        this.find('log/checkpoint', `${problem}: the next commit or "vend refresh" writes it`)
      }
    }
    if (copy !== undefined && copy.size <= head.size) {
      milestones.push(this.#milestone(copy, `${this.#options.copy?.name}: checkpoint`))
    }
    const listed = new Map(
      Object.entries(listedIn(this.#state)).map(([path, target]) => [path, entryOf(path, target)]),
    )
    const unseen = new Set(listed.keys())
    const walk = new LogWalk(head, logReader(this.#store, this.#options), { milestones })
    for await (const walked of walk.entries()) {
      await this.#checkEntries(walked, listed, unseen)
      this.#options.onProgress?.({ entries: walked.first + walked.entries.length, total: head.size })
    }
    this.#findings.push(...walk.findings)
    for (const path of unseen) this.find(path, 'is listed by the signed metadata and is not in the log')
  }

  async walkCopy(copyHead: LogHead, { name, read }: LogCopy, head: LogHead): Promise<void> {
    const milestones: Milestone[] = []
    if (head.size < copyHead.size) {
      this.find(
        'the log',
        `has shrunk: ${name} has ${copyHead.size} entries of it, and the store ${head.size}`,
      )
      milestones.push(this.#milestone(head, 'the log of the store', `the log of ${name}`))
    }
    const walk = new LogWalk(copyHead, read, { milestones, maxEntries: maxCopied(head) })
    for await (const { first, entries } of walk.entries()) {
      if (this.#findings.length >= maxFindings) {
        this.find(name, `was read to entry ${first} only: it says too much that the store does not know`)
        break
      }
      if (head.size < copyHead.size) await this.#checkDocuments({ first, entries }, name)
    }
    this.#findings.push(...walk.findings.map(({ what, problem }) => ({ what: `${name}: ${what}`, problem })))
  }

  async #earlierHeads(): Promise<Milestone[]> {
    const milestones: Milestone[] = []
    for await (const { version, head } of earlierHeads(this.#store, this.#state, this.#options)) {
      if (head === undefined) continue
      milestones.push({ head, onOther: () => this.#otherSnapshots.push(version) })
    }
    return milestones
  }

  #milestone(head: LogHead, what: string, of = 'the log'): Milestone {
    const problem = `its head at ${head.size} entries is of another history than ${of}: one of them is a fork`
    return { head, onOther: () => this.find(what, problem) }
  }

  async #checkEntries(
    walked: WalkedEntries,
    listed: ReadonlyMap<string, LogEntry>,
    unseen: Set<string>,
  ): Promise<void> {
    for (const { number, entry } of await this.#checkDocuments(walked)) {
      const known = listed.get(entry.path)
      if (known?.digest === entry.digest) unseen.delete(entry.path)
      else if (known !== undefined && entry.path.startsWith('releases/')) {
        this.find(
          `entry ${number}`,
          `${entry.path} was another document, ${entry.digest}: releases never change`,
        )
      }
    }
  }

  /** Those that are entries; each must be of a document that the store holds. */
  async #checkDocuments(
    { first, entries }: WalkedEntries,
    source?: string,
  ): Promise<{ readonly number: number; readonly entry: LogEntry }[]> {
    const prefix = source === undefined ? '' : `${source}: `
    const decoded = entries.flatMap((bytes, i) => {
      const what = `${prefix}entry ${first + i}`
      const entry = this.#decode(bytes, what)
      return entry === undefined ? [] : [{ number: first + i, entry, what }]
    })
    for await (const finding of mapInOrder(decoded, concurrentReads, async ({ entry, what }) =>
      this.#document(entry, what),
    )) {
      if (finding !== undefined) this.#findings.push(finding)
    }
    return decoded
  }

  #decode(bytes: Buffer, what: string): LogEntry | undefined {
    try {
      return decodeLogEntry(bytes, what)
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      this.find(what, 'is no entry of this kind of log')
      return undefined
    }
  }

  async #document({ path, digest, length }: LogEntry, what: string): Promise<LogFinding | undefined> {
    const key = targetKey(path, digest)
    try {
      const blob = await readBlob(this.#store, key, this.#options)
      if (blob === undefined) return { what, problem: `${path}: ${key} is not in the store` }
      if (digestOf(blob.bytes) === digest && blob.bytes.length === length) return undefined
      return { what, problem: `${path}: ${key} is damaged, or of another length than ${length}` }
    } catch (error) {
      if (!isDamage(error)) throw error
      return { what, problem: `${path}: ${error.message}` }
    }
  }
}
