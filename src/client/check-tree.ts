import type { Entry, HardlinkEntry } from '../../manifests/entry.ts'
import type { ReleaseModule } from '../../manifests/release.ts'
import { displayTreePath, type TreePath } from '../../manifests/tree-path.ts'
import type { PathGroup } from '../tree/merge-entries.ts'
import { overlapIn } from '../tree/overlap-in.ts'
import { MachineError } from './errors.ts'
import { LineList } from './line-list.ts'
import type { ModuleTree } from './module-tree.ts'

/** A release's modules, or those of them that the tree is made of. */
export type ExpectedModules = Readonly<Record<string, Pick<ReleaseModule, 'entries' | 'contentBytes'>>>

/**
 * Checks what the digests of a tree's manifests do not say, before anything is made of it: that each is the module
 * that the release says (format §8.2), that they can be laid over one another (§8.3), and that hard links have
 * targets (§3.3). Throws OBJECT_CORRUPT. Memory: 16 bytes an entry.
 */
export async function checkTree(
  tree: ModuleTree,
  expected: ExpectedModules,
  signal?: AbortSignal,
): Promise<void> {
  checkHeaders(tree, expected)
  const seen = tree.modules.map(() => new LineList())
  for await (const group of tree.groups()) {
    signal?.throwIfAborted()
    checkOverlap(tree, group)
    for (const [module, lines] of seen.entries()) {
      const item = group.items[module]
      if (item === undefined) continue
      if (item.entry.type === 'hardlink') checkHardlink(tree, module, lines, item.entry)
      lines.add(item.line)
    }
  }
}

function checkHeaders(tree: ModuleTree, expected: ExpectedModules): void {
  for (const { name, header } of tree.modules) {
    if (header.module !== name) {
      throw invalid(`the manifest of the module ${name} is that of the module ${header.module}`)
    }
    const promised = Object.hasOwn(expected, name) ? expected[name] : undefined
    if (promised === undefined) throw invalid(`the release has no module ${name}`)
    for (const count of ['entries', 'contentBytes'] as const) {
      if (header[count] === promised[count]) continue
      throw invalid(
        `the manifest of the module ${name} has ${header[count]} as ${count}; its release says ${promised[count]}`,
      )
    }
  }
}

function checkOverlap({ modules }: ModuleTree, group: PathGroup): void {
  const overlap = overlapIn(group)
  if (overlap === undefined) return
  const names = modules.filter((_, i) => group.items[i] !== undefined).map(({ name }) => name)
  throw invalid(`${show(group.path)} lies in the modules ${names.join(' and ')} ${overlap}`)
}

/** `lines` are the module's entries before the link. */
function checkHardlink(tree: ModuleTree, module: number, lines: LineList, link: HardlinkEntry): void {
  const target = find(tree, module, lines, link.target)
  if (target !== undefined && target.type !== 'directory' && target.type !== 'hardlink') return
  const problem = target === undefined ? 'which does not come before it' : `which is a ${target.type}`
  const name = tree.modules[module]?.name ?? ''
  throw invalid(`${show(link.path)} in the module ${name} is a hard link to ${show(link.target)}, ${problem}`)
}

function find(tree: ModuleTree, module: number, lines: LineList, path: TreePath): Entry | undefined {
  let [low, high] = [0, lines.count]
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = tree.entryAt(module, lines.at(middle))
    if (entry.path === path) return entry
    if (entry.path < path) low = middle + 1
    else high = middle
  }
  return undefined
}

function show(path: TreePath): string {
  return `"/${displayTreePath(path)}"`
}

function invalid(problem: string): MachineError {
  return new MachineError('OBJECT_CORRUPT', problem, {
    hint: 'tell whoever publishes it; this machine stays as it is',
  })
}
