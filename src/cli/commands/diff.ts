import { encodeByteString } from '../../../manifests/fields.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import type { Difference } from '../../repository/diff-releases.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount } from '../format-quantity.ts'
import { openRepository } from '../open-repository.ts'
import type { Row } from '../output.ts'
import { argument, option } from '../parameters.ts'
import { findRelease, parseReleaseName, readModuleName } from '../release-name.ts'

interface Comparison {
  readonly from: number
  readonly to: number
  readonly differences: AsyncIterable<Difference>
}

/** `vend diff` */
export const diffCommand = defineCommand({
  path: 'diff',
  summary: 'list what differs between two releases',
  examples: ['diff 10 11', 'diff stable 12 --module base', 'diff 10 11 --json'],
  arguments: {
    from: argument('from', 'a version or channel', parseReleaseName),
    to: argument('to', 'a version or channel', parseReleaseName),
  },
  options: { module: option('--module <name>', 'only this module', readModuleName) },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage', 'pipe'],
  run: async ({ from, to, module }, context): Promise<Comparison> => {
    const { diffReleases } = await import('../../repository/diff-releases.ts')
    const { repository } = await openRepository(context)
    const { signal } = context
    const { release: a } = await findRelease(repository, from, { signal })
    const { release: b } = await findRelease(repository, to, { signal })
    return {
      from: a.version,
      to: b.version,
      differences: diffReleases(repository, a, b, { module, signal }),
    }
  },
  answer: ({ from, to, differences }) => {
    const counts = { added: 0, removed: 0, changed: 0 }
    return {
      json: { from, to },
      text: () => '',
      rows: { name: 'differences', each: rowsOf(differences, counts) },
      tail: () =>
        `${formatCount(counts.added)} added, ${formatCount(counts.removed)} removed, ` +
        `${formatCount(counts.changed)} changed between release ${from} and release ${to}.\n`,
    }
  },
})

async function* rowsOf(
  differences: AsyncIterable<Difference>,
  counts: Record<Difference['change'], number>,
): AsyncGenerator<Row, void, undefined> {
  for await (const difference of differences) {
    counts[difference.change]++
    const { module, path, change, aspects, types, sizes } = difference
    const json = {
      module,
      path: encodeByteString(path),
      change,
      aspects,
      types: { ...types },
      sizes: { ...sizes },
    }
    yield { json, text: describeDifference(difference) }
  }
}

function describeDifference({ module, path, change, aspects, types, sizes }: Difference): string {
  const line = `${change.padEnd(8)} ${module}  /${displayTreePath(path)}`
  const details = [
    ...(change === 'changed' ? aspects.map((aspect) => (aspect === 'digest' ? 'content' : aspect)) : []),
    ...(types.from !== undefined && types.to !== undefined && types.from !== types.to
      ? [`${types.from} → ${types.to}`]
      : []),
    ...describeSizes(sizes),
  ]
  return details.length === 0 ? line : `${line}  (${details.join(', ')})`
}

function describeSizes({ from, to }: Difference['sizes']): string[] {
  if (from !== undefined && to !== undefined)
    return from === to ? [] : [`${formatBytes(from)} → ${formatBytes(to)}`]
  const only = from ?? to
  return only === undefined ? [] : [formatBytes(only)]
}
