import type { Release, ReleaseModule } from '../../manifests/release.ts'
import { RepositoryError } from './errors.ts'

/** A release's module of a name. Throws MODULE_UNKNOWN. */
export function findModule(release: Release, name: string): ReleaseModule {
  const module = Object.hasOwn(release.modules, name) ? release.modules[name] : undefined
  if (module !== undefined) return module
  throw new RepositoryError('MODULE_UNKNOWN', `release ${release.version} has no module "${name}"`, {
    hint: `it has: ${Object.keys(release.modules).sort().join(', ')}`,
  })
}
