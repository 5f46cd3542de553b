import type { Release } from '../../manifests/release.ts'
import type { ModuleStep } from '../delivery/release-packs.ts'
import { findModule } from '../repository/find-module.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './command-context.ts'
import { openRepository } from './open-repository.ts'
import type { OriginName } from './parse-origin.ts'
import { findRelease, type ReleaseName } from './release-name.ts'

/** What goes from one release to another, as asked for on the command line. */
export interface AskedSteps {
  readonly repository: Repository
  readonly from: Release | undefined
  readonly to: Release
  readonly steps: readonly ModuleStep[]
}

export async function askedSteps(
  names: {
    readonly from: OriginName
    readonly to: ReleaseName
    readonly modules: readonly string[]
  },
  context: CommandContext,
): Promise<AskedSteps> {
  const { stepsBetween } = await import('../delivery/release-packs.ts')
  const { repository } = await openRepository(context)
  const { signal } = context
  const from =
    names.from.kind === 'nothing'
      ? undefined
      : (await findRelease(repository, names.from, { signal })).release
  const { release: to } = await findRelease(repository, names.to, { signal })
  for (const module of names.modules) findModule(to, module)
  const only = names.modules.length === 0 ? undefined : names.modules
  return { repository, from, to, steps: stepsBetween(from, to, only) }
}
