import { canonicalJson } from '../../manifests/canonical-json.ts'
import type { Release } from '../../manifests/release.ts'
import {
  publishRelease,
  type ModuleSource,
  type PublishContext,
  type PublishResult,
} from '../ingest/publish-release.ts'
import { loadState } from '../repository/repository-state.ts'
import { Repository } from '../repository/repository.ts'

export interface BuildPublication {
  /** What the channel points to now. */
  readonly release: Release
  /** What it pointed to before; undefined: it is new. */
  readonly previous: Release | undefined
  /** Undefined when the modules are what they were: then there is no new release. */
  readonly published: PublishResult | undefined
}

/**
 * Publishes modules to a channel as the release after the last, unless the channel's release says the same of them
 * already. Throws what `publishRelease` throws.
 */
export async function publishBuild(
  { modules, channel }: { readonly modules: readonly ModuleSource[]; readonly channel: string },
  context: PublishContext,
): Promise<BuildPublication> {
  const { store, keys, signal, beforeVisible } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const repository = new Repository(store, state)
  const version = (repository.releaseVersions().at(-1) ?? 0) + 1
  const pointsTo = await repository.findChannel(channel, { signal })
  const previous = pointsTo === undefined ? undefined : await repository.release(pointsTo.version, { signal })
  try {
    const published = await publishRelease(
      { version, modules, channel },
      {
        ...context,
        beforeVisible: async (release, at, lease) => {
          if (previous !== undefined && saysTheSame(previous, release)) {
            // All that it would have stored is there, and named by a manifest.
            await lease.end()
            throw new NothingChanged()
          }
          await beforeVisible?.(release, at, lease)
        },
      },
    )
    return { release: published.release, previous, published }
  } catch (error) {
    if (!(error instanceof NothingChanged) || previous === undefined) throw error
    return { release: previous, previous, published: undefined }
  }
}

class NothingChanged extends Error {}

function saysTheSame(a: Release, b: Release): boolean {
  return modulesText(a) === modulesText(b)
}

function modulesText({ modules }: Release): string {
  return canonicalJson(
    Object.fromEntries(
      Object.entries(modules).map(([name, module]) => [
        name,
        { ...module, manifest: { ...module.manifest } },
      ]),
    ),
  )
}
