import type { JsonValue } from '../../manifests/canonical-json.ts'
import { encodeByteString } from '../../manifests/fields.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import type { Damage, Touched } from '../maintenance/damage.ts'
import { formatCount, formatCounted } from './format-quantity.ts'

export function damageJson({ kind, what, problem, touches }: Damage): JsonValue {
  return {
    kind,
    what,
    problem,
    touches: touches.map(({ module, releases, paths, pathCount }) => ({
      module,
      releases,
      ...(paths !== undefined && { paths: paths.map(encodeByteString), pathCount }),
    })),
  }
}

export function describeDamage({ what, problem, touches }: Damage, red: (text: string) => string): string {
  return `${red(what)}: ${problem}\n${touches.map(describeTouched).join('')}`
}

function describeTouched({ module, releases, paths, pathCount }: Touched): string {
  const where = `  module ${module} of ${releases.length === 1 ? 'release' : 'releases'} ${releases.join(', ')}`
  if (paths === undefined || pathCount === undefined) return `${where}: all of it\n`
  const lines = paths.map((path) => `    /${displayTreePath(path)}\n`).join('')
  const more = pathCount > paths.length ? `    and ${formatCount(pathCount - paths.length)} more\n` : ''
  return `${where}: ${formatCounted(pathCount, 'path')}\n${lines}${more}`
}
