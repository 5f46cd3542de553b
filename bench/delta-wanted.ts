import type { WantedContent } from './delta-contender.ts'
import type { Comparison, FileContent } from './pairs-compare.ts'

/**
 * The contents that b has and a has nowhere, each once, with what programs for two files are told to make it from:
 * the file at the same path; else, of the files that go, one whose path is the same but for numbers, the nearest in
 * size of several. An empty file is nobody's basis and needs none: some of the programs refuse it.
 */
export function wantedContents({ a, b, removed }: Comparison): WantedContent[] {
  const known = new Set(a.map(({ digest }) => digest))
  const samePath = new Map(a.map((file) => [file.path, file]))
  const likePath = Map.groupBy(removed, ({ path }) => withoutNumbers(path))
  const wanted: WantedContent[] = []
  for (const file of b) {
    if (known.has(file.digest)) continue
    known.add(file.digest)
    const basis = samePath.get(file.path) ?? nearest(file, likePath.get(withoutNumbers(file.path)) ?? [])
    wanted.push(
      basis === undefined || basis.bytes === 0 || file.bytes === 0 ? file : { ...file, basis: basis.path },
    )
  }
  return wanted
}

function withoutNumbers(path: string): string {
  return path.replaceAll(/\d+(?:\.\d+)*/g, '0')
}

function nearest(file: FileContent, candidates: readonly FileContent[]): FileContent | undefined {
  const distance = ({ bytes }: FileContent): number => Math.abs(bytes - file.bytes)
  return candidates.toSorted((one, other) => distance(one) - distance(other))[0]
}
