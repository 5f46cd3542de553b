import { statSync } from 'node:fs'
import type { ModuleSource } from '../ingest/publish-release.ts'
import type { SourceOptions } from '../sources/open-source.ts'
import { findSource } from '../sources/source-kind.ts'
import type { NamedSource } from './check-sources.ts'
import type { Progress } from './progress.ts'
import type { MeasuredSource } from './publish-progress.ts'

export interface OpenedSources {
  readonly modules: readonly ModuleSource[]
  readonly measured: readonly MeasuredSource[]
}

export interface OpenSourcesContext extends SourceOptions {
  /** What is opened is disposed of with it. */
  readonly opened: AsyncDisposableStack
  readonly progress: Progress
  readonly onNote: (note: string) => void
}

/** Opens the source of each module; archives, images and packages are read now. */
export async function openSources(
  named: readonly NamedSource[],
  context: OpenSourcesContext,
): Promise<OpenedSources> {
  const { openSource } = await import('../sources/open-source.ts')
  const { placeBelow } = await import('../sources/place-tree.ts')
  const [modules, measured]: [ModuleSource[], MeasuredSource[]] = [[], []]
  for (const { name, tree, includes, prefix } of named) {
    const onBytes = drawReading(tree, context.progress)
    const found = context.opened.use(await openSource(tree, { ...context, onBytes }))
    const source = prefix === undefined ? found : context.opened.use(await placeBelow(found, prefix))
    for (const note of source.notes ?? []) context.onNote(note)
    modules.push({ name, tree: source.tree, includes, traits: source.traits })
    measured.push({ tree, contentBytes: source.contentBytes })
  }
  return { modules, measured }
}

function drawReading(tree: string, progress: Progress): (bytes: number) => void {
  const { kind, path } = findSource(tree)
  if (kind === 'dir' || kind === 'image') return () => undefined
  const stats = statSync(path, { throwIfNoEntry: false })
  const totalBytes = stats?.isFile() === true ? stats.size : undefined
  progress.begin(`reading ${path}`)
  let done = 0
  return (bytes) => {
    done += bytes
    progress.update({ bytes: done, totalBytes })
  }
}
