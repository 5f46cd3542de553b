import { randomBytes } from 'node:crypto'
import { auditAgainstRepository } from './audit-against-repository.ts'
import type { MachineAudit } from './audit-machine.ts'
import type { BuildProgress } from './build-root.ts'
import { decideForMachine } from './decide-for-machine.ts'
import type { Decision } from './decide.ts'
import { MachineError } from './errors.ts'
import { followChannel, needRelease } from './follow-channel.ts'
import type { Freshness } from './freshness.ts'
import { planHooks, type PlannedHook } from './hooks/plan-hooks.ts'
import { HttpFetcher } from './http-fetcher.ts'
import { placedImages, refuseSharedPlaces, type PlacedImage } from './images/slot-images.ts'
import { refuseMissing } from './images/image-place.ts'
import { installRelease, nothingInstalled, type InstalledRelease } from './install-release.ts'
import { otherSlot, type Slot } from './machine-layout.ts'
import { MachineLock } from './machine-lock.ts'
import { imageModules, MachineState, type MachineSettings, type SlotRecord } from './machine-state.ts'
import type { LeftMirror, MirrorReport } from './mirrors.ts'
import { moduleStatuses, type ModuleStatus } from './module-status.ts'
import { previewDeliveries, type DeliveryPreview } from './preview-deliveries.ts'
import type { ProxyVariables } from './proxy.ts'
import { refuseTooOld } from './refuse-release.ts'
import { releasesBetween } from './releases-between.ts'
import { ReportedAttempt } from './reported-attempt.ts'
import type { TrustedRepository } from './trusted-repository.ts'
import { verifySlot, type VerifiedSlot } from './verify-slot.ts'
import { isSameSlot, wantedSlot } from './wanted-slot.ts'

export interface MachineOptions {
  readonly signal?: AbortSignal | undefined
  readonly onPhase?: (phase: string) => void
  readonly onProgress?: (progress: Omit<BuildProgress, 'phase'>) => void
  /** Where proxies are named that the machine's settings do not name: `HTTPS_PROXY` and so on. */
  readonly env?: ProxyVariables | undefined
  readonly onMirrorLeft?: (left: LeftMirror, next: string) => void
  /** The machine's clock, by which it takes part in rollouts. Default: the system's. */
  readonly now?: () => Date
  /** What each hook of a release may take, in seconds. Default: 10 minutes. */
  readonly hookSeconds?: number | undefined
  /** What this system runs from; default `/`. A slot that it is will not be built. */
  readonly runningRoot?: string | undefined
}

export interface CreateMachineRequest {
  readonly directory: string
  /** The repository's base URL. */
  readonly url: string
  /** The bytes of the first root metadata, which the caller has from a source it trusts. */
  readonly trustedRoot: Uint8Array
  readonly channel: string
  readonly modules: MachineSettings['modules']
  readonly connection?: MachineSettings['connection']
}

export interface CheckResult extends Decision {
  readonly channel: string
  readonly installed: number | undefined
  readonly freshness: Freshness
  readonly modulesChange: boolean
  /** What an update would run in the new root. */
  readonly hooks: readonly PlannedHook[]
  /** The image modules that it would write. */
  readonly images: readonly string[]
  /** How the modules that would change would come, as far as it is known without fetching anything. */
  readonly deliveries: readonly DeliveryPreview[]
  readonly mirrors: MirrorReport
  readonly requests: number
  readonly bytes: number
}

export interface UpdateResult extends InstalledRelease {
  readonly from: number | undefined
  readonly to: number
  /** False: the machine has what it should have. */
  readonly changed: boolean
  readonly decision: Decision
  readonly modules: readonly string[]
  readonly slot: Slot
  readonly mirrors: MirrorReport
  readonly requests: number
  /** Bytes of bodies that came over the network. */
  readonly bytes: number
}

export interface MachineStatus {
  readonly directory: string
  readonly settings: MachineSettings
  readonly active: Slot | undefined
  readonly slots: Readonly<Record<Slot, SlotRecord | undefined>>
  /** Where each slot's images lie. */
  readonly images: Readonly<Record<Slot, readonly PlacedImage[]>>
}

export interface VerifyResult extends VerifiedSlot {
  readonly version: number
}

/**
 * A machine with two roots, of which `root` in its directory names the active one. An update builds the other root
 * beside it and then switches in one step; whatever interrupts it, the active root stays whole, and the same call
 * goes on from there. One process at a time changes a machine.
 */
export class Machine {
  readonly #state: MachineState
  readonly #options: MachineOptions

  constructor(directory: string, options: MachineOptions = {}) {
    this.#state = new MachineState(directory)
    this.#options = options
  }

  /** Makes an empty machine that trusts `trustedRoot` and nothing else. Throws MACHINE_EXISTS. */
  static create(request: CreateMachineRequest): void {
    const { directory, url, trustedRoot, channel, modules, connection } = request
    new MachineState(directory).create(
      {
        format: 1,
        url: url.endsWith('/') ? url : `${url}/`,
        channel,
        modules: modules === 'all' ? 'all' : [...new Set(modules)].sort(),
        machineId: randomBytes(16).toString('hex'),
        ...(connection !== undefined && { connection }),
      },
      trustedRoot,
    )
  }

  status(): MachineStatus {
    const { layout } = this.#state
    const imagesOf = (slot: Slot): readonly PlacedImage[] =>
      placedImages(layout, slot, this.#state.slot(slot))
    return {
      directory: layout.directory,
      settings: this.#state.settings(),
      active: this.#state.activeSlot(),
      slots: { a: this.#state.slot('a'), b: this.#state.slot('b') },
      images: { a: imagesOf('a'), b: imagesOf('b') },
    }
  }

  /** The release in the active root; undefined before the first install. */
  installed(): number | undefined {
    return this.#state.installed()?.version
  }

  /** What an update would do, without doing it. */
  async check(): Promise<CheckResult> {
    using _lock = new MachineLock(this.#existing())
    await using fetcher = this.#fetcher()
    const { signal } = this.#options
    const { channel, decision, freshness, repository } = await decideForMachine(
      this.#state,
      fetcher,
      this.#options,
    )
    const installed = this.#state.installed()
    const modulesChange =
      installed !== undefined && !decision.move && (await this.#modulesDiffer(repository, installed))
    const isUpdate = decision.version !== undefined && (decision.move || modulesChange)
    const release = isUpdate ? await needRelease(repository, decision.version, signal) : undefined
    const wanted = release && wantedSlot(release, this.#state.settings())
    const deliveries = wanted === undefined ? [] : await previewDeliveries(installed, wanted, fetcher, signal)
    const names = wanted?.modules.map(({ name }) => name) ?? []
    const { requests, bytes } = fetcher.transferred
    return {
      ...decision,
      channel: channel.channel,
      installed: installed?.version,
      freshness,
      modulesChange,
      hooks: release === undefined ? [] : planHooks(release.modules, names),
      images: wanted === undefined ? [] : imageModules(wanted).map(({ name }) => name),
      deliveries,
      mirrors: fetcher.mirrors,
      requests,
      bytes,
    }
  }

  /** Brings the machine to the release that its channel decides on, with the modules that it asks for. */
  async update(): Promise<UpdateResult> {
    const attempt = new ReportedAttempt(this.#state, this.#options)
    return attempt.run(async () => this.#update(attempt))
  }

  async #update(attempt: ReportedAttempt): Promise<UpdateResult> {
    using _lock = new MachineLock(this.#existing())
    await using fetcher = this.#fetcher()
    this.#options.onPhase?.('metadata')
    const { decision, repository } = await decideForMachine(this.#state, fetcher, this.#options)
    const active = this.#state.activeSlot()
    const installed = this.#state.installed()
    refuseTooOld(decision)
    if (decision.version === undefined) throw new TypeError('a decision without a release')
    const release = await needRelease(repository, decision.version, this.#options.signal)
    const target = wantedSlot(release, this.#state.settings())
    const changed = installed === undefined || !isSameSlot(installed, target)
    if (changed) attempt.begin(installed?.version, target.version)
    const slot = active === undefined ? 'a' : changed ? otherSlot(active) : active
    const built = changed
      ? await installRelease(slot, target, release.modules, {
          state: this.#state,
          fetcher,
          between: releasesBetween(repository, installed?.version, target.version, this.#options.signal),
          ...this.#options,
          hooks: planHooks(
            release.modules,
            target.modules.map(({ name }) => name),
          ),
          onPhase: attempt.enter,
        })
      : nothingInstalled()
    const { requests, bytes } = fetcher.transferred
    const modules = target.modules.map(({ name }) => name)
    return {
      from: installed?.version,
      to: target.version,
      changed,
      decision,
      modules,
      slot,
      mirrors: fetcher.mirrors,
      requests,
      bytes,
      ...built,
    }
  }

  /** Switches to the root that was active before. Throws NO_PREVIOUS_ROOT, and IMAGE_PLACE_INVALID where its image is gone. */
  rollback(): { readonly from: number | undefined; readonly to: number; readonly slot: Slot } {
    using _lock = new MachineLock(this.#existing())
    const active = this.#state.activeSlot()
    const slot = active === undefined ? undefined : otherSlot(active)
    const previous = slot === undefined ? undefined : this.#state.slot(slot)
    if (slot === undefined || previous === undefined) {
      throw new MachineError('NO_PREVIOUS_ROOT', 'there is no complete other root to roll back to', {
        hint: 'a machine has one after its first update, and while no update is half done',
      })
    }
    for (const { name, place } of placedImages(this.#state.layout, slot, previous))
      refuseMissing({ module: name, path: place })
    const from = this.#state.installed()?.version
    this.#state.activate(slot)
    return { from, to: previous.version, slot }
  }

  /** Compares the active root with its manifests, and with `repair` makes it right again. Throws NOT_INSTALLED. */
  async verify({ repair }: { readonly repair: boolean }): Promise<VerifyResult> {
    using _lock = new MachineLock(this.#existing())
    const active = this.#state.activeSlot()
    const installed = this.#state.installed()
    if (active === undefined || installed === undefined) throw notInstalled()
    await using fetcher = this.#fetcher()
    const context = { state: this.#state, fetcher, repair, ...this.#options }
    const verified = await verifySlot(active, installed, context)
    return { version: installed.version, ...verified }
  }

  /** Proves that the machine was shown one history, and has what everyone is given (`auditMachine`). */
  async audit(): Promise<AuditResult> {
    using _lock = new MachineLock(this.#existing())
    await using fetcher = this.#fetcher()
    const audit = await auditAgainstRepository(this.#state, fetcher, this.#options.signal)
    const { requests, bytes } = fetcher.transferred
    return { ...audit, requests, bytes }
  }

  /** Asks for other modules; the next update installs them. `available` is what the installed release has. */
  setModules(change: (modules: readonly string[], available: readonly string[]) => readonly string[]): void {
    using _lock = new MachineLock(this.#existing())
    const settings = this.#state.settings()
    const available = this.#state.installed()?.modules.map(({ name }) => name) ?? []
    const current = settings.modules === 'all' ? available : settings.modules
    this.#state.saveSettings({ ...settings, modules: [...new Set(change(current, available))].sort() })
  }

  /** Reaches the repository in another way from now on. Throws SETTINGS_INVALID. */
  setConnection(url: string, connection: MachineSettings['connection']): void {
    using _lock = new MachineLock(this.#existing())
    const { connection: _, ...settings } = this.#state.settings()
    this.#state.saveSettings({ ...settings, url, ...(connection !== undefined && { connection }) })
  }

  /** Keeps the machine from releases after `version`; undefined: no more. Throws SETTINGS_INVALID. */
  setPin(version: number | undefined): void {
    using _lock = new MachineLock(this.#existing())
    const { pin: _, ...settings } = this.#state.settings()
    this.#state.saveSettings(version === undefined ? settings : { ...settings, pin: version })
  }

  /** Where an image lies from its next update on, in each slot; undefined: in the machine's directory. */
  setImagePlaces(module: string, places: Readonly<Record<Slot, string>> | undefined): void {
    using _lock = new MachineLock(this.#existing())
    const { images: { [module]: _, ...others } = {}, ...settings } = this.#state.settings()
    const images = places === undefined ? others : { ...others, [module]: { ...places } }
    refuseSharedPlaces(images)
    this.#state.saveSettings({ ...settings, ...(Object.keys(images).length > 0 && { images }) })
  }

  /** The modules that the channel's release has, which of them are asked for, and which are installed. */
  async modules(): Promise<readonly ModuleStatus[]> {
    using _lock = new MachineLock(this.#existing())
    await using fetcher = this.#fetcher()
    const { signal } = this.#options
    const { channel, repository } = await followChannel(this.#state, fetcher, signal)
    const release = await needRelease(repository, channel.version, signal)
    return moduleStatuses(release, this.#state.settings(), this.#state.installed())
  }

  /** Fails with a word of advice where there is no machine, before anything is made in its directory. */
  #existing(): MachineState['layout'] {
    this.#state.settings()
    return this.#state.layout
  }

  #fetcher(): HttpFetcher {
    const { url, connection } = this.#state.settings()
    const { env, onMirrorLeft } = this.#options
    return new HttpFetcher({ baseUrl: url, connection, env, onMirrorLeft })
  }

  async #wanted(repository: TrustedRepository, version: number): Promise<SlotRecord> {
    const release = await needRelease(repository, version, this.#options.signal)
    return wantedSlot(release, this.#state.settings())
  }

  async #modulesDiffer(repository: TrustedRepository, installed: SlotRecord): Promise<boolean> {
    return !isSameSlot(installed, await this.#wanted(repository, installed.version))
  }
}

export interface AuditResult extends MachineAudit {
  readonly requests: number
  readonly bytes: number
}

function notInstalled(): MachineError {
  return new MachineError('NOT_INSTALLED', 'nothing is installed on this machine yet', {
    hint: 'run "vend-client update"',
  })
}
