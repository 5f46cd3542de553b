import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../manifests/digest.ts'
import { refuseMounts } from '../tree/refuse-mounts.ts'
import { BasisRoot } from './basis-root.ts'
import { buildRoot, type BuildPhase, type BuildProgress, type BuiltRoot } from './build-root.ts'
import { checkTree, type ExpectedModules } from './check-tree.ts'
import { ChunkSource } from './chunk-source.ts'
import { Deliveries } from './deliveries.ts'
import { MachineError } from './errors.ts'
import { fetchManifest } from './fetch-manifest.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import { refuseMovedConfiguration } from './local-changes.ts'
import { slots, type Slot } from './machine-layout.ts'
import type { MachineState, SlotRecord } from './machine-state.ts'
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
  /** The way from what is installed to the release, as the repository knows it. */
  readonly between?: ModuleDeliveryContext['between'] | undefined
}

export interface InstalledRelease extends BuiltRoot {
  /** How each module came. */
  readonly deliveries: readonly DeliveryReport[]
  /** Of the contents' plain bytes, those that packs made. */
  readonly packedBytes: number
  readonly fetchedChunks: number
  /** Of the contents' plain bytes, those that came in chunks out of the active root. */
  readonly reusedBytes: number
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
  if (installed !== undefined) await fetchManifests(installed, context)
  const between = context.between ?? nothingBetween
  await using deliveries = new Deliveries(installed, target, expected, {
    layout,
    fetcher,
    signal,
    between,
    onPhase,
    onProgress,
  })
  await deliveries.obtainManifests()
  using tree = await ModuleTree.open(layout, target.modules)
  using basis = await openBasis(context)
  await deliveries.reconsider(tree, basis?.root)
  // Nothing is changed before everything that can be known is known to be right.
  await checkTree(tree, expected, signal)
  refuseMounts(layout.root(slot))
  if (basis !== undefined) await refuseMovedConfiguration(basis.directory, basis.tree)
  state.openSlot(slot)
  const source = new ChunkSource(basis?.root, fetcher, signal)
  const built = await buildRoot({
    directory: layout.root(slot),
    tree,
    source,
    basis,
    deliver: async (missing, writer) => deliveries.deliver(missing, tree, basis?.root, writer),
    signal,
    ...(onPhase !== undefined && { onPhase }),
    ...(onProgress !== undefined && { onProgress }),
  })
  state.completeSlot(slot, target)
  state.activate(slot)
  forgetManifests(state)
  deliveries.forget()
  const { reports, packedBytes } = deliveries
  return { ...built, ...source.totals, deliveries: reports, packedBytes }
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
  const tree = await ModuleTree.open(state.layout, installed?.modules ?? [])
  const directory = state.layout.root(active)
  return new Basis(directory, tree, await BasisRoot.open(directory, tree))
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

  constructor(directory: string, tree: ModuleTree, root: BasisRoot) {
    this.directory = directory
    this.tree = tree
    this.root = root
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]()
    this.tree[Symbol.dispose]()
  }
}
