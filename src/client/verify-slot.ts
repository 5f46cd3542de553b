import type { TreePath } from '../../manifests/tree-path.ts'
import { ChunkSource } from './chunk-source.ts'
import { readMade } from './hooks/made-by-hooks.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import { verifyImages, type VerifiedImage } from './images/verify-images.ts'
import { fetchManifests } from './install-release.ts'
import type { Slot } from './machine-layout.ts'
import { rootModules, type MachineState, type SlotRecord } from './machine-state.ts'
import { ModuleTree } from './module-tree.ts'
import { isDamage, repairRoot } from './repair-root.ts'
import { verifyRoot, type Finding, type VerifyRequest } from './verify-root.ts'

export interface VerifiedSlot {
  readonly findings: readonly Finding[]
  readonly damaged: number
  readonly repaired: readonly TreePath[]
  readonly images: readonly VerifiedImage[]
}

export interface VerifySlotContext extends Pick<VerifyRequest, 'signal' | 'onProgress'> {
  readonly state: MachineState
  readonly fetcher: HttpFetcher
  readonly repair: boolean
  readonly onPhase?: (phase: string) => void
}

/** Compares a slot's root with the manifests that `record` names, and with `repair` makes it right again. */
export async function verifySlot(
  slot: Slot,
  record: SlotRecord,
  context: VerifySlotContext,
): Promise<VerifiedSlot> {
  const { state, fetcher, repair, signal, onProgress } = context
  await fetchManifests(record, { state, fetcher, signal })
  using tree = await ModuleTree.open(state.layout, rootModules(record))
  const made = readMade(state, slot, record)
  const directory = state.layout.root(slot)
  context.onPhase?.('verify')
  const findings: Finding[] = []
  const request = { directory, tree, made, signal, ...(onProgress !== undefined && { onProgress }) }
  for await (const finding of verifyRoot(request)) findings.push(finding)
  const source = new ChunkSource(undefined, fetcher, signal)
  const images = await verifyImages(state.layout, slot, record, repair ? source : undefined)
  const damagedPaths = findings.filter(isDamage).length
  const repaired = repair && damagedPaths > 0 ? await repairRoot(directory, tree, source, findings) : []
  const damaged = damagedPaths + images.filter(({ problem }) => problem !== undefined).length
  return { findings, damaged, repaired, images }
}
