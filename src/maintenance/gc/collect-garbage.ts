import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { formatInstant } from '../../../manifests/fields.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import type { CommitContext } from '../../repository/commit.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { isDeadSweep, readSweeps } from '../../repository/sweeps.ts'
import type { CollectionReport } from './collection-report.ts'
import { addLatelyRetired } from './lately-retired.ts'
import { readLeases, type FoundLeases } from './leases.ts'
import { isOutdated } from './is-outdated.ts'
import { LostPacks, nameManifests } from './lost-packs.ts'
import { listRuns, newRunName, runKey, writeRun, type FoundRun, type RetiredRelease } from './quarantine.ts'
import { Reachable } from './reachable.ts'
import { decideRetention, type Retention, type RetentionPolicy } from './retention.ts'
import { describeRetired, retireReleases, whyNotRetire } from './retire-releases.ts'
import { SentencedKeys } from './sentenced-keys.ts'
import { StorePass, type PassProgress, type PassSetup } from './store-pass.ts'

export interface CollectionOptions {
  readonly policy: RetentionPolicy
  /** What is younger is left alone. */
  readonly graceMs: number
  /** What was condemned longer ago, and still is garbage, is removed; 0: at once. */
  readonly quarantineMs: number
  /** Packs too that begin from a manifest which no release has any more. */
  readonly dropOldPacks?: boolean | undefined
  /** Changes nothing, and says what would be changed. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: ((progress: CollectionProgress) => void) | undefined
  readonly onNote?: ((note: string) => void) | undefined
  /** As many keys as are swept, or condemned in one document, at a time. Default: as many as may be. */
  readonly sliceKeys?: number | undefined
  /** Milliseconds, of a clock that also goes on while the machine sleeps; default: this machine's. */
  readonly clock?: (() => number) | undefined
  /** Waits between two sweeps while there are publishes under way. */
  readonly sleep?: ((ms: number) => Promise<void>) | undefined
}

export type CollectionProgress =
  { readonly phase: 'reading'; readonly releases: number; readonly total: number } | PassProgress

const maxRetireTries = 10

interface Decided {
  /** As it was before anything was retired. */
  readonly begun: Repository
  /** By the store's clock. */
  readonly now: Date
  readonly retention: Retention
}

/**
 * Retires releases by the policy, condemns what nothing names any more, and removes what was condemned long enough
 * ago; safe while others publish, and while other collections run. What an earlier collection left undone is done.
 * Only the store's clock counts. Throws REPOSITORY_… and TrustError as `loadState`, FENCES_USED_UP, StoreError; and
 * REPOSITORY_CORRUPT before anything was removed where something that is named is damaged: nobody knows what it needs.
 */
export async function collectGarbage(
  context: CommitContext,
  options: CollectionOptions,
): Promise<CollectionReport> {
  return new Collection(context, options).run()
}

class Collection {
  readonly #context: CommitContext
  readonly #store: BlobStore
  readonly #options: CollectionOptions
  readonly #reachable = new Reachable()
  readonly #run: string
  #retiredNot: string | undefined
  #deadSweeps = 0
  #openSweeps = 0
  #hasLeftRun = false

  constructor(context: CommitContext, options: CollectionOptions) {
    this.#context = context
    this.#store = context.store
    this.#options = options
    this.#run = newRunName(context.now, randomBytes(2).toString('hex'))
  }

  async run(): Promise<CollectionReport> {
    const { dryRun: isDryRun = false, graceMs } = this.#options
    const { begun, now, retention } = isDryRun
      ? await this.#onNewest(async (repository) => this.#wouldRetire(repository))
      : await this.#retire()
    this.#noteUnknownPins(retention)
    const leases = await readLeases(this.#store, { now, graceMs, ...this.#reading })
    if (!isDryRun) {
      await this.#tidy(leases, now)
      await this.#onNewest(async (repository) => this.#reachable.addState(repository, this.#reading))
    }
    const runs = await listRuns(this.#store, this.#reading)
    const lately = await this.#latelyRetired(runs, now)
    const retired = await nameManifests(begun, retention.retired, this.#reading)
    const lostPacks = await LostPacks.of(
      begun,
      [this.#reachable.manifests, lately.manifests, retired],
      this.#reading,
    )
    const pass = this.#pass({
      now,
      leases,
      lately,
      lostPacks,
      sentenced: new SentencedKeys(this.#store, runs, this.#reading),
    })
    await pass.run()
    if (!isDryRun) await this.#forget(runs, pass, { now, hasRetired: retention.retired.length > 0 })
    return this.#report(retention, leases, lostPacks, pass)
  }

  get #reading() {
    return { signal: this.#context.signal }
  }

  readonly #onRelease = (releases: number, total: number): void =>
    this.#options.onProgress?.({ phase: 'reading', releases, total })

  readonly #loadState = async (): Promise<RepositoryState> =>
    loadState(this.#store, { ...this.#reading, trustedRoot: this.#context.keys.trustedRoot() })

  async #repository(): Promise<Repository> {
    return new Repository(this.#store, await this.#loadState())
  }

  /** Again when what is found lost belongs to a state that is the newest one no more. */
  async #onNewest<T>(work: (repository: Repository) => Promise<T>): Promise<T> {
    for (;;) {
      const repository = await this.#repository()
      try {
        return await work(repository)
      } catch (error) {
        if (!(await isOutdated(error, repository.state, this.#loadState))) throw error
      }
    }
  }

  async #decide(repository: Repository): Promise<Retention> {
    const retention = await decideRetention(repository, this.#options.policy, this.#reading)
    if (retention.retired.length === 0) return retention
    const problem = whyNotRetire(repository.state, this.#context.keys)
    if (problem === undefined) return retention
    this.#retiredNot = problem
    return { kept: repository.releaseVersions().map((version) => ({ version, why: [] })), retired: [] }
  }

  #noteUnknownPins({ kept }: Retention): void {
    const unknown = this.#options.policy.pins.filter((pin) => !kept.some(({ version }) => version === pin))
    if (unknown.length > 0)
      this.#options.onNote?.(`pinned, and not on the list of releases: ${unknown.join(', ')}`)
  }

  async #wouldRetire(begun: Repository): Promise<Decided> {
    const retention = await this.#decide(begun)
    await this.#addKept(begun, retention)
    return { begun, now: this.#context.now, retention }
  }

  /** Throws where something of what is kept is damaged: then nothing may be retired either. */
  async #addKept(repository: Repository, { kept }: Retention): Promise<void> {
    const only = kept.map(({ version }) => version)
    await this.#reachable.addState(repository, { ...this.#reading, only, onRelease: this.#onRelease })
  }

  /** Says first what is going to be retired: whoever dies after it has not made a secret of it. */
  async #retire(): Promise<Decided> {
    const started = formatInstant(this.#context.now)
    const said = new Map<number, RetiredRelease>()
    for (let tries = 1; tries <= maxRetireTries; tries++) {
      const { begun, retention } = await this.#onNewest(async (repository) => this.#wouldRetire(repository))
      const { state } = begun
      // A commit whose answer was lost may have been visible, and overtaken: what it retired is still to be known.
      for (const version of begun.releaseVersions()) said.delete(version)
      for (const one of describeRetired(state, retention.retired)) said.set(one.version, one)
      const retired = [...said.values()].sort((a, b) => a.version - b.version)
      const now = await writeRun(this.#store, { run: this.#run, started, retired }, this.#reading)
      const decided = {
        begun,
        now,
        retention: { ...retention, retired: retired.map(({ version }) => version) },
      }
      if (retention.retired.length === 0) return decided
      if (await retireReleases(this.#context, state, retention.retired)) return decided
    }
    throw new RepositoryError(
      'PUBLISH_CONFLICT',
      `others committed ${maxRetireTries} times while releases were to be retired; nothing was collected`,
      { hint: 'run the same command again' },
    )
  }

  /** What publishes and collections left that died. */
  async #tidy({ dead }: FoundLeases, now: Date): Promise<void> {
    await this.#store.deleteMany(dead, this.#reading)
    for (const sweep of await readSweeps(this.#store, this.#reading)) {
      if (!isDeadSweep(sweep, now)) this.#openSweeps += 1
      else {
        await this.#store.delete(sweep.key, this.#reading)
        this.#deadSweeps += 1
      }
    }
  }

  async #latelyRetired(runs: readonly FoundRun[], now: Date): Promise<Reachable> {
    const lately = new Reachable()
    const since = new Date(now.getTime() - this.#options.quarantineMs)
    await addLatelyRetired(lately, await this.#repository(), runs, { ...this.#reading, since })
    return lately
  }

  #pass({
    now,
    leases: { living, livingSince },
    ...found
  }: Pick<PassSetup, 'lately' | 'lostPacks' | 'sentenced'> & {
    readonly now: Date
    readonly leases: FoundLeases
  }): StorePass {
    const { quarantineMs, graceMs, dropOldPacks = false, dryRun = false, sleep = delay } = this.#options
    const youngSince = Math.min(now.getTime() - graceMs, livingSince?.getTime() ?? Number.POSITIVE_INFINITY)
    return new StorePass({
      ...this.#reading,
      ...found,
      store: this.#store,
      run: this.#run,
      reachable: this.#reachable,
      dropOldPacks,
      isDryRun: dryRun,
      youngSince: new Date(youngSince),
      dueSince: new Date(now.getTime() - quarantineMs),
      sweepsAtOnce: quarantineMs === 0,
      sliceKeys: this.#options.sliceKeys,
      loadState: this.#loadState,
      clock: this.#options.clock ?? suspendableClock(),
      pause: async () => {
        if (living > 0) await sleep(pauseMs)
      },
      onProgress: this.#options.onProgress,
    })
  }

  /** Removes the documents of sentences that were carried out or lapsed, and of runs that left nothing. */
  async #forget(
    runs: readonly FoundRun[],
    pass: StorePass,
    { now, hasRetired }: { readonly now: Date; readonly hasRetired: boolean },
  ): Promise<void> {
    const gone = new Set(pass.doneParts)
    const dueSince = now.getTime() - this.#options.quarantineMs
    for (const { run, parts, written } of runs) {
      const isOwn = run === this.#run
      const isOld = written === undefined || written.getTime() <= dueSince
      const isOver = isOwn
        ? !pass.hasCondemned && !(hasRetired && this.#options.quarantineMs > 0)
        : isOld && parts.every(({ key }) => gone.has(key))
      if (isOver) gone.add(runKey(run))
    }
    this.#hasLeftRun = !gone.has(runKey(this.#run))
    const { failed } = await this.#store.deleteMany([...gone], this.#reading)
    const [first] = failed
    if (first !== undefined) throw first.error
  }

  #report(
    { kept, retired }: Retention,
    leases: FoundLeases,
    lostPacks: LostPacks,
    pass: StorePass,
  ): CollectionReport {
    const { manifests, chunks } = this.#reachable
    return {
      run: this.#hasLeftRun ? this.#run : undefined,
      isDryRun: this.#options.dryRun === true,
      kept,
      retired,
      retiredNot: this.#retiredNot,
      reachable: { manifests: manifests.size, chunks: chunks.size },
      condemned: pass.condemned.tally(),
      waiting: pass.waiting.tally(),
      young: pass.young.tally(),
      swept: pass.swept.tally(),
      lostPacks: lostPacks.found,
      moreLostPacks: lostPacks.more,
      failed: pass.failed.map(({ key, error }) => ({ key, problem: error.message })),
      failures: pass.failures,
      publishesUnderWay: leases.living,
      deadLeases: leases.dead.length,
      deadSweeps: this.#deadSweeps,
      openSweeps: this.#openSweeps + pass.sweeps,
      fences: pass.fences,
    }
  }
}

const pauseMs = 5_000

/** Also goes on while the machine sleeps, and never goes back. */
function suspendableClock(): () => number {
  const [steady, wall] = [performance.now(), Date.now()]
  let last = 0
  return () => {
    last = Math.max(last, performance.now() - steady, Date.now() - wall)
    return last
  }
}
