import { join, resolve } from 'node:path'
import type { Release } from '../../manifests/release.ts'
import type { PackageBuild } from '../build/build-packages.ts'
import type { BuildUser } from '../build/build-user.ts'
import type { BuildPublication } from '../build/publish-build.ts'
import type { ModulePack } from '../delivery/release-packs.ts'
import type { CommandContext } from './command-context.ts'
import { formatCounted } from './format-quantity.ts'
import { openKeyRing } from './open-key-ring.ts'
import type { PackSources } from './parse-pack-sources.ts'
import { publishProgress } from './publish-progress.ts'
import { makePacksFrom } from './publish-packs.ts'

export interface BuildRoundOptions {
  readonly definitions: string
  readonly packages: string
  readonly channel: string
  readonly cache: string
  readonly mirror: string | undefined
  readonly network: boolean
  readonly hostProvides: readonly string[]
  readonly user: BuildUser
  readonly jobs: number | undefined
  /** Undefined: makes no packs. */
  readonly packsFrom: PackSources | undefined
}

/** What one building of the whole set came to. */
export interface BuildRound extends BuildPublication {
  readonly channel: string
  readonly packages: readonly PackageBuild[]
  readonly packs: readonly ModulePack[]
  readonly ms: number
}

/** Builds what changed and publishes what came of it. */
export async function buildRound(options: BuildRoundOptions, context: CommandContext): Promise<BuildRound> {
  const started = performance.now()
  const packages = await buildSet(options, context)
  const { publication, packs } = await publishSet(packages, options, context)
  return { ...publication, channel: options.channel, packages, packs, ms: performance.now() - started }
}

async function buildSet(options: BuildRoundOptions, context: CommandContext): Promise<PackageBuild[]> {
  const { buildPackages } = await import('../build/build-packages.ts')
  const { BuildCache } = await import('../build/build-cache.ts')
  const { findBuildTools } = await import('../build/build-tools.ts')
  const { readIfThere } = await import('../build/read-if-there.ts')
  const { signal, progress, settings } = context
  const addition = await readIfThere(join(options.packages, 'makepkg.conf'))
  progress.begin('reading PKGBUILDs')
  let planned = 0
  let done = 0
  return buildPackages(
    { ...options, hasNetwork: options.network },
    {
      cache: new BuildCache(options.cache),
      tools: await findBuildTools(addition),
      user: options.user,
      hidden: [resolve(settings.keys)],
      hasNetwork: options.network,
      signal,
    },
    {
      onPlanned: (plan) => {
        planned = plan.length
        progress.begin('building')
      },
      onStarted: (base) => progress.note(`vend: building ${base}`),
      onBuilt: () => {
        done++
        progress.update({ entries: done, totalEntries: planned, detail: formatCounted(done, 'package') })
      },
    },
  )
}

async function publishSet(
  packages: readonly PackageBuild[],
  { definitions, channel, packsFrom }: BuildRoundOptions,
  context: CommandContext,
): Promise<{ readonly publication: BuildPublication; readonly packs: readonly ModulePack[] }> {
  const { publishBuild } = await import('../build/publish-build.ts')
  const { splitPackages } = await import('../build/split-packages.ts')
  const { settings, signal, progress, now } = context
  const note = (text: string): void => progress.note(`vend: ${text}`)
  await using split = await splitPackages(
    packages.flatMap(({ files }) => files),
    definitions,
    { signal },
  )
  for (const each of split.notes) note(each)
  const packs: ModulePack[] = []
  progress.begin('publishing')
  const publication = await publishBuild(
    { modules: split.modules, channel },
    {
      store: settings.store,
      keys: openKeyRing(context),
      now: now(),
      sourceDateEpoch: settings.sourceDateEpoch,
      signal,
      onProgress: publishProgress(progress, [{ tree: definitions, contentBytes: split.contentBytes }]),
      beforeVisible: async (release, repository) => {
        if (packsFrom !== undefined)
          packs.push(...(await makePacksFrom(packsFrom, release, repository, context)))
      },
      onSkipped: (module, path, reason) => note(`${module}: /${path} ${reason}`),
      onNote: note,
    },
  )
  return { publication, packs }
}

export interface ModuleChanges {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly unchanged: readonly string[]
}

/** Names of modules, sorted. */
export function moduleChanges(previous: Release | undefined, release: Release): ModuleChanges {
  const [before, after] = [previous?.modules ?? {}, release.modules]
  const names = Object.keys(after).sort()
  const isSame = (name: string): boolean => before[name]?.manifest.digest === after[name]?.manifest.digest
  return {
    added: names.filter((name) => !Object.hasOwn(before, name)),
    changed: names.filter((name) => Object.hasOwn(before, name) && !isSame(name)),
    removed: Object.keys(before)
      .filter((name) => !Object.hasOwn(after, name))
      .sort(),
    unchanged: names.filter((name) => Object.hasOwn(before, name) && isSame(name)),
  }
}

/** The packs that machines of the release before fetch. */
export function packsFromPrevious({ previous, packs }: BuildRound): ModulePack[] {
  return packs.filter(({ module, from }) => from === previous?.modules[module]?.manifest.digest)
}
