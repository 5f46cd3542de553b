import type { SourceEntry } from '../../manifests/entry.ts'
import { showMember } from './errors.ts'
import type { MtreeEntry } from './mtree.ts'

/** What a package turned out to have at a path. */
export interface SeenMember {
  readonly entry: SourceEntry
  /** Of a file, in hexadecimal digits. */
  readonly sha256?: string | undefined
}

/**
 * What is wrong first, in words and with the path, if what a package has is not what its mtree says. Times are
 * compared by the second.
 */
export function mtreeProblem(
  mtree: ReadonlyMap<string, MtreeEntry>,
  seen: ReadonlyMap<string, SeenMember>,
): { readonly path: string; readonly problem: string } | undefined {
  for (const [path, member] of seen) {
    const stated = mtree.get(path)
    if (stated === undefined) {
      if (path === '' || path === '.MTREE') continue
      return { path, problem: 'is not in the .MTREE of its package: it was added afterwards' }
    }
    const differing = differences(resolve(member, seen), stated)
    if (differing !== undefined) return { path, problem: differing }
  }
  const missing = [...mtree.keys()].find((path) => path !== '' && !seen.has(path))
  if (missing === undefined) return undefined
  return { path: missing, problem: 'is in the .MTREE of its package, and not in the package' }
}

/** Of a hard link what it leads to: an mtree knows none. */
function resolve(member: SeenMember, seen: ReadonlyMap<string, SeenMember>): SeenMember {
  return member.entry.type === 'hardlink' ? (seen.get(member.entry.target) ?? member) : member
}

function differences({ entry, sha256 }: SeenMember, stated: MtreeEntry): string | undefined {
  if (entry.type === 'file' && !stated.has('sha256digest')) {
    return 'has no sha256digest in the .MTREE of its package; build it again with a newer makepkg'
  }
  const facts: (readonly [keyword: string, actual: string | undefined])[] = [
    ['type', types[entry.type]],
    ['link', entry.type === 'symlink' ? entry.target : undefined],
    ['size', entry.type === 'file' ? `${entry.sparse?.size ?? entry.size}` : undefined],
    ['sha256digest', sha256],
    ...(entry.type === 'hardlink'
      ? []
      : ([
          ['uid', `${entry.uid}`],
          ['gid', `${entry.gid}`],
          ['time', `${entry.mtime.seconds}`],
        ] as const)),
    ['mode', 'mode' in entry ? entry.mode.toString(8) : undefined],
  ]
  for (const [keyword, actual] of facts) {
    const said = normalised(keyword, stated.get(keyword))
    if (said === undefined || actual === undefined || said === actual) continue
    return `has the ${keyword} ${showMember(actual)} and not ${showMember(said)}, as the .MTREE of its package says`
  }
  return undefined
}

function normalised(keyword: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (keyword === 'time') return value.replace(/\..*$/, '')
  return keyword === 'mode' ? value.replace(/^0+(?=.)/, '') : value
}

const types: Readonly<Record<SourceEntry['type'], string | undefined>> = {
  file: 'file',
  directory: 'dir',
  symlink: 'link',
  character: 'char',
  block: 'block',
  fifo: 'fifo',
  hardlink: undefined,
}
