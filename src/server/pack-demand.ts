import type { Logger } from 'pino'
import { StoreError } from '../../storage/errors.ts'
import {
  PackRequests,
  type BuildPack,
  type PackBuildEvent,
  type PackRefusal,
  type PackRequestLimits,
  type PackVerdict,
} from '../delivery/pack-requests.ts'
import { packKey } from '../repository/layout.ts'
import type { CurrentRepository } from './current-repository.ts'
import { KnownManifests, type KnownManifest } from './known-manifests.ts'
import { cachedFor, ProblemError } from './problem.ts'
import { RecentAbsences } from './recent-absences.ts'
import type { ObjectReader } from './serve-object.ts'
import type { PackName, ServedObject } from './served-object.ts'
import { withinGrace } from './within-grace.ts'

/** How a server comes by packs that are asked for and not there. */
export interface PacksOptions {
  readonly build: BuildPack
  readonly limits?: Partial<PackRequestLimits> | undefined
  /** Told beside the log. */
  readonly onEvent?: ((event: PackBuildEvent) => void) | undefined
}

export interface PackDemandOptions extends PacksOptions {
  readonly store: ObjectReader
  readonly logger: Logger
  readonly now: () => number
}

/** Answers requests for packs that are not there, and has those built that machines can use. */
export class PackDemand {
  readonly #store: ObjectReader
  readonly #repository: CurrentRepository
  readonly #logger: Logger
  readonly #known: KnownManifests
  readonly #requests: PackRequests
  /** Of packs that are being built. */
  readonly #absences: RecentAbsences

  constructor(repository: CurrentRepository, options: PackDemandOptions) {
    const { store, build, limits, logger, now } = options
    this.#store = store
    this.#repository = repository
    this.#logger = logger
    this.#known = new KnownManifests(logger)
    this.#absences = new RecentAbsences(now)
    const onEvent = (event: PackBuildEvent): void => {
      if (event.kind !== 'started') this.#absences.forget(event.key)
      logEvent(logger, event)
      options.onEvent?.(event)
    }
    this.#requests = new PackRequests({ build, limits, now, onEvent })
  }

  /** Reads what is known ahead of the first who asks. */
  async prepare(): Promise<void> {
    await this.#knownManifests().catch(() => undefined)
  }

  /**
   * What to tell without a look at the store: that it is a pack which is being built. Once a second one who asks has
   * it looked for again, since others may store it too, and nobody waits for that.
   */
  awaited({ key, pack }: ServedObject): ProblemError | undefined {
    const absence = this.#absences.get(key)
    if (absence === undefined || pack === undefined) return undefined
    if (absence === 'stale') {
      this.#absences.note(key)
      void this.#lookAgain(key, pack)
    }
    return beingBuilt
  }

  /**
   * What to tell of a pack that is not in the store; undefined where there is no more to say than that. Throws a
   * StoreError where the store does not answer.
   */
  async ask(pack: PackName): Promise<ProblemError | undefined> {
    const known = await this.#knownManifests()
    if (known === undefined) return undefined
    const to = known.get(pack.to)
    const from = pack.from === undefined ? undefined : known.get(pack.from)
    if (to === undefined) return unknown(`no release names the manifest ${pack.to}`)
    if (from === undefined && pack.from !== undefined) {
      return unknown(`no release names the manifest ${pack.from}`)
    }
    if (from !== undefined && !isUpdate(from, to)) {
      return unknown('a pack leads from one manifest of a module to another one of it')
    }
    const verdict = this.#requests.request(from, to)
    if (verdict.kind === 'refused') return refused(verdict)
    this.#absences.note(packKey(pack.from, pack.to))
    return beingBuilt
  }

  /** Aborts what is being built. Resolves when that has ended, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await withinGrace(this.#requests.close(), graceMs, () =>
      this.#logger.warn('a pack that was being built did not end in time'),
    )
  }

  async #lookAgain(key: string, pack: PackName): Promise<void> {
    try {
      const isThere = (await this.#store.stat(key)) !== undefined
      if (isThere || (await this.ask(pack)) !== beingBuilt) this.#absences.forget(key)
    } catch {
      // Whoever asks next is told what is wrong.
      this.#absences.forget(key)
    }
  }

  /** Without a repository that can be read there is none to build from; who watches it learns that elsewhere. */
  async #knownManifests(): Promise<ReadonlyMap<string, KnownManifest> | undefined> {
    try {
      return await this.#known.of(await this.#repository.get())
    } catch (error) {
      if (error instanceof StoreError) throw error
      return undefined
    }
  }
}

/** One for the whole crowd. */
const beingBuilt = new ProblemError('PACK_BEING_BUILT', 'ask again after Retry-After, or go by chunks')

/** How long others may be told so though someone has built it by hand. */
const maxRefusedSeconds = 60

const refusals: Readonly<Record<Exclude<PackRefusal, 'closed'>, string>> = {
  'too-large': 'it is larger than what is built here for whoever asks',
  failed: 'it could not be built a short while ago',
  'queue-full': 'too many others wait to be built',
  'day-full': 'as much was built today as may be',
  store: 'the store takes no packs at present',
}

function refused({ reason, retryMs }: PackVerdict & { readonly kind: 'refused' }): ProblemError | undefined {
  if (reason === 'closed') return undefined
  if (retryMs === undefined) return new ProblemError('PACK_REFUSED', `${refusals[reason]}; go by chunks`)
  const retryAfter = Math.ceil(retryMs / 1000)
  const headers = {
    'Retry-After': String(retryAfter),
    'Cache-Control': cachedFor(Math.min(retryAfter, maxRefusedSeconds)),
  }
  return new ProblemError('PACK_REFUSED', `${refusals[reason]}; go by chunks`, { headers })
}

function isUpdate(from: KnownManifest, to: KnownManifest): boolean {
  return from.digest !== to.digest && !from.modules.isDisjointFrom(to.modules)
}

function unknown(detail: string): ProblemError {
  return new ProblemError('PACK_UNKNOWN', detail)
}

function logEvent(logger: Logger, { kind, ...event }: PackBuildEvent): void {
  const line = 'ms' in event ? { ...event, ms: Math.round(event.ms) } : event
  if ('error' in line) {
    const { error, ...rest } = line
    logger.warn({ ...rest, err: error }, 'pack could not be built')
  } else logger.info(line, sayings[kind as keyof typeof sayings])
}

const sayings = {
  started: 'pack is being built',
  built: 'pack built',
  there: 'pack was built elsewhere',
  aborted: 'pack given up: the server closes',
}
