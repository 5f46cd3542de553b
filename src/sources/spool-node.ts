import { joinTreePath, nameOf, parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'

/** Of an entry that the source does not name. */
export const impliedLine = -1
export const noContent = -1

export interface DirectoryNode {
  /** Where its entry is in the log. */
  line: number
  readonly children: Map<string, SpoolNode>
}

/** Anything but a directory; as an inode may, it has a name or several. */
export interface LeafNode {
  readonly line: number
  readonly content: number
  names: number
  readonly children?: undefined
}

export type SpoolNode = DirectoryNode | LeafNode

export function newDirectory(line: number): DirectoryNode {
  return { line, children: new Map() }
}

export function nodeAt(root: DirectoryNode, path: TreePath): SpoolNode | undefined {
  if (path === rootPath) return root
  let node: SpoolNode | undefined = root
  for (const name of path.split('/')) node = node?.children?.get(name)
  return node
}

/** What is on the way to `path` and not a directory. */
export function obstacleTo(root: DirectoryNode, path: TreePath): TreePath | undefined {
  let directory = root
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    const above = path.slice(0, end) as TreePath
    const node = directory.children.get(nameOf(above))
    if (node === undefined) return undefined
    if (node.children === undefined) return above
    directory = node
  }
  return undefined
}

/** The directory that is to hold `path`; those that are missing are made, and `onMade` told of each. */
export function directoryFor(root: DirectoryNode, path: TreePath, onMade: () => void): DirectoryNode {
  let directory = root
  const parent = parentOf(path)
  if (parent === rootPath) return root
  for (const name of parent.split('/')) {
    let next = directory.children.get(name)
    if (next === undefined) {
      next = newDirectory(impliedLine)
      directory.children.set(name, next)
      onMade()
    }
    if (next.children === undefined) throw new TypeError(`${path} lies below something else than a directory`)
    directory = next
  }
  return directory
}

/** A node and all below it, in no order that matters. */
export function* nodesBelow(top: SpoolNode): Generator<SpoolNode, void, undefined> {
  const stack = [top]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node
    for (const child of node.children?.values() ?? []) stack.push(child)
  }
}

/** Every path but the root's with its node, in the order of manifests: by the bytes of the whole path. */
export function* inOrder(root: DirectoryNode): Generator<readonly [TreePath, SpoolNode], void, undefined> {
  const stack = [levelOf(rootPath, root)]
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const key = level.keys[level.next++]
    if (key === undefined) {
      stack.pop()
      continue
    }
    const isDescent = key.endsWith('/')
    const name = isDescent ? key.slice(0, -1) : key
    const path = joinTreePath(level.path, name)
    const node = level.directory.children.get(name)
    if (node === undefined) continue
    if (!isDescent) yield [path, node]
    else if (node.children !== undefined) stack.push(levelOf(path, node))
  }
}

interface Level {
  readonly path: TreePath
  readonly directory: DirectoryNode
  /** What to do here, in byte order: `name` to visit, `name/` to descend, since what is in `a` sorts after `a-b`. */
  readonly keys: readonly string[]
  next: number
}

function levelOf(path: TreePath, directory: DirectoryNode): Level {
  const keys: string[] = []
  for (const [name, { children }] of directory.children) {
    keys.push(name)
    if (children !== undefined && children.size > 0) keys.push(`${name}/`)
  }
  return { path, directory, keys: keys.sort(), next: 0 }
}
