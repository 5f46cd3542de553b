import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../manifests/digest.ts'
import { refuseMounts } from '../tree/refuse-mounts.ts'
import { TreeWriter } from '../tree/tree-writer.ts'
import { BasisRoot } from './basis-root.ts'
import { buildRoot, type BuildPhase, type BuildProgress, type BuiltRoot } from './build-root.ts'
import { checkTree, type ExpectedModules } from './check-tree.ts'
import { ChunkSource } from './chunk-source.ts'
import { Deliveries, forgetOtherDownloads } from './deliveries.ts'
import { MachineError } from './errors.ts'
import { fetchManifest } from './fetch-manifest.ts'
import { findMade } from './hooks/find-made.ts'
import { InodeTimes } from './hooks/inode-times.ts'
import { readMade, recordMade, type MadeByHooks } from './hooks/made-by-hooks.ts'
import type { PlannedHook } from './hooks/plan-hooks.ts'
import { defaultHookSeconds, runHooks, type RanHook } from './hooks/run-hooks.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import { ImageInstall, type InstalledImage } from './images/image-install.ts'
import { forgetImages, placedImages, withPlaces } from './images/slot-images.ts'
import type { Overrides } from './keep-local-changes.ts'
import { refuseMovedConfiguration } from './local-changes.ts'
import { otherSlot, slots, type Slot } from './machine-layout.ts'
import { rootModules, type MachineState, type SlotRecord } from './machine-state.ts'
import type { DeliveryReport, ModuleDeliveryContext } from './module-delivery.ts'
import { ModuleTree } from './module-tree.ts'

export interface InstallContext {
  readonly state: MachineState
  readonly fetcher: HttpFetcher
  readonly signal?: AbortSignal | undefined
  readonly onPhase?: (phase: BuildPhase) => void
  readonly onProgress?: (progress: BuildProgress) => void
  /** What this system runs from; default `/`. */
  readonly runningRoot?: string | undefined
  /** What is run in the new root before the switch. */
  readonly hooks?: readonly PlannedHook[] | undefined
  /** What each hook may take. */
  readonly hookSeconds?: number | undefined
  /** The way from what is installed to the release, as the repository knows it. */
  readonly between?: ModuleDeliveryContext['between'] | undefined
}

export interface InstalledRelease extends Omit<BuiltRoot, 'overrides'> {
  /** The hooks that ran, in this order. */
  readonly hooks: readonly RanHook[]
  /** How many paths these made or changed. */
  readonly madeByHooks: number
  readonly images: readonly InstalledImage[]
  /** How each module came. */
  readonly deliveries: readonly DeliveryReport[]
  /** Of the contents' plain bytes, those that packs made. */
  readonly packedBytes: number
  readonly fetchedChunks: number
  /** Of the contents' plain bytes, those that came in chunks out of the active root. */
  readonly reusedBytes: number
}

/** Of an update that finds everything as it should be. */
export function nothingInstalled(): InstalledRelease {
  return {
    kept: [],
    hooks: [],
    madeByHooks: 0,
    images: [],
    notKept: new Map(),
    contentBytes: 0,
    fetchedChunks: 0,
    reusedBytes: 0,
    deliveries: [],
    packedBytes: 0,
  }
}

/**
 * Builds a release in a slot that is not active, out of the active one and the repository, and switches to it.
 * Whenever it is interrupted the active root is whole, and the same call goes on.
 */
export async function installRelease(
  slot: Slot,
  target: SlotRecord,
  expected: ExpectedModules,
  context: InstallContext,
): Promise<InstalledRelease> {
  const { state, fetcher, signal, onPhase, onProgress } = context
  const { layout } = state
  refuseRunningRoot(layout.root(slot), context.runningRoot ?? '/')
  const installed = state.installed()
  const record = withPlaces(target, slot, state)
  if (installed !== undefined) await fetchManifests(installed, context)
  forgetOtherDownloads(layout, target)
  const between = context.between ?? nothingBetween
  const delivery = { layout, fetcher, signal, between, onPhase, onProgress }
  const [installedRoots, roots] = [rootModules(installed ?? nothing), rootModules(target)]
  await using deliveries = new Deliveries({ modules: installedRoots }, { modules: roots }, expected, delivery)
  await deliveries.obtainManifests()
  using tree = await ModuleTree.open(layout, roots)
  using basis = await openBasis(context)
  await deliveries.reconsider(tree, basis?.root)
  // Nothing is changed before everything that can be known is known to be right.
  await checkTree(tree, expected, signal)
  refuseMounts(layout.root(slot))
  if (basis !== undefined) await refuseMovedConfiguration(basis.directory, basis.tree)
  await using images = new AsyncDisposableStack()
  const installs: ImageInstall[] = []
  const before = placedImages(layout, otherSlot(slot), installed)
  for (const module of placedImages(layout, slot, record)) {
    const active = before.find(({ name }) => name === module.name)
    installs.push(images.use(await ImageInstall.prepare(module, active, expected, delivery)))
  }
  state.openSlot(slot)
  const source = new ChunkSource(basis?.root, fetcher, signal)
  const { overrides, ...built } = await buildRoot({
    directory: layout.root(slot),
    tree,
    source,
    basis,
    deliver: async (missing, writer) => deliveries.deliver(missing, tree, basis?.root, writer),
    signal,
    ...(onPhase !== undefined && { onPhase }),
    ...(onProgress !== undefined && { onProgress }),
  })
  const written: InstalledImage[] = []
  for (const image of installs) {
    onPhase?.('images')
    written.push(await image.install())
  }
  const ran = await runHooksIn(slot, target, tree, overrides, context)
  state.completeSlot(slot, { ...record, ...(ran.record !== undefined && { hooks: ran.record }) })
  state.activate(slot)
  forgetManifests(state)
  forgetImages(state)
  rmSync(layout.downloads, { recursive: true, force: true })
  const all = [deliveries, ...installs]
  const sum = (pick: (totals: ChunkSource['totals']) => number): number =>
    [source, ...installs].reduce((total, { totals }) => total + pick(totals), 0)
  return {
    ...built,
    hooks: ran.hooks,
    madeByHooks: ran.record?.paths ?? 0,
    images: written,
    deliveries: [...deliveries.reports, ...installs.flatMap(({ report }) => report)],
    packedBytes: all.reduce((total, { packedBytes }) => total + packedBytes, 0),
    fetchedChunks: sum(({ fetchedChunks }) => fetchedChunks),
    reusedBytes: sum(({ reusedBytes }) => reusedBytes),
  }
}

const nothing: Pick<SlotRecord, 'modules'> = { modules: [] }

/** What hooks make of a finished root, and what the slot's record is to say of it. */
async function runHooksIn(
  slot: Slot,
  { version }: SlotRecord,
  tree: ModuleTree,
  overrides: Overrides,
  { state, hooks = [], hookSeconds = defaultHookSeconds, signal, onPhase, onProgress }: InstallContext,
): Promise<{ readonly hooks: readonly RanHook[]; readonly record?: NonNullable<SlotRecord['hooks']> }> {
  if (hooks.length === 0) return { hooks: [] }
  onPhase?.('hooks')
  const directory = state.layout.root(slot)
  const before = await InodeTimes.of(directory)
  const ran = await runHooks(directory, hooks, {
    release: version,
    slot,
    seconds: hookSeconds,
    signal,
    onHook: (_hook, done) => onProgress?.({ phase: 'hooks', done, total: hooks.length }),
  })
  const made = await findMade({ directory, tree, before, overrides })
  using writer = new TreeWriter(directory)
  writer.sync()
  return { hooks: ran, record: recordMade(state, slot, made) }
}

const nothingBetween = { count: 0, manifestsOf: (): Promise<[]> => Promise.resolve([]) }

/** Makes sure that the manifests of what a slot holds, or is to hold, are on the machine. */
export async function fetchManifests(
  record: SlotRecord,
  { state, fetcher, signal }: Pick<InstallContext, 'state' | 'fetcher' | 'signal'>,
): Promise<void> {
  for (const module of record.modules) await fetchManifest(state.layout, fetcher, module, signal)
}

/** After an update and before the restart, the slot that is not active may be the one that everything runs from. */
function refuseRunningRoot(directory: string, runningRoot: string): void {
  const root = statSync(directory, { throwIfNoEntry: false })
  const running = statSync(runningRoot)
  if (root?.ino !== running.ino || root.dev !== running.dev) return
  throw new MachineError('ROOT_RUNNING', `this system runs from ${directory}, which is to be built anew`, {
    hint: 'restart into the active root first',
  })
}

async function openBasis(context: InstallContext): Promise<Basis | undefined> {
  const { state } = context
  const active = state.activeSlot()
  if (active === undefined) return undefined
  const installed = state.installed()
  // Without a record nobody knows what was installed: then all of /etc counts as the machine's own.
  const tree = await ModuleTree.open(state.layout, rootModules(installed ?? nothing))
  const directory = state.layout.root(active)
  const made = readMade(state, active, installed)
  return new Basis(directory, tree, await BasisRoot.open(directory, tree), made)
}

/** Removes the manifests of what is no longer in a slot. */
function forgetManifests(state: MachineState): void {
  const { layout } = state
  const records = slots.flatMap((slot) => state.slot(slot) ?? [])
  const used = new Set(
    records.flatMap(({ modules }) => modules.map(({ digest }) => `${hexOf(digest)}.ndjson`)),
  )
  for (const name of readdirSync(layout.manifests)) {
    if (!used.has(name)) rmSync(join(layout.manifests, name), { force: true })
  }
}

class Basis implements Disposable {
  readonly directory: string
  readonly tree: ModuleTree
  readonly root: BasisRoot
  readonly made: MadeByHooks

  constructor(directory: string, tree: ModuleTree, root: BasisRoot, made: MadeByHooks) {
    this.made = made
    this.directory = directory
    this.tree = tree
    this.root = root
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]()
    this.tree[Symbol.dispose]()
  }
}
