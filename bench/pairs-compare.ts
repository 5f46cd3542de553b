import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** A regular file; `path` is relative to its tree. */
export interface FileContent {
  readonly path: string
  readonly digest: string
  readonly bytes: number
}

/** What is in the newer of two trees. Paths are in order. */
export interface Comparison {
  readonly a: readonly FileContent[]
  readonly b: readonly FileContent[]
  /** Those of b whose path a has with another content. */
  readonly changed: readonly FileContent[]
  /** Those of b whose path a does not have. */
  readonly added: readonly FileContent[]
  readonly removed: readonly FileContent[]
}

export async function comparePair(a: string, b: string): Promise<Comparison> {
  const older = await contentsOf(a)
  const newer = await contentsOf(b)
  const olderDigest = new Map(older.map(({ path, digest }) => [path, digest]))
  const newerPaths = new Set(newer.map(({ path }) => path))
  return {
    a: older,
    b: newer,
    changed: newer.filter(({ path, digest }) => olderDigest.has(path) && olderDigest.get(path) !== digest),
    added: newer.filter(({ path }) => !olderDigest.has(path)),
    removed: older.filter(({ path }) => !newerPaths.has(path)),
  }
}

/** All regular files below a directory, by path in the order of its code units. */
async function contentsOf(tree: string): Promise<FileContent[]> {
  const contents: FileContent[] = []
  for (const item of await readdir(tree, { recursive: true, withFileTypes: true })) {
    if (!item.isFile()) continue
    const file = join(item.parentPath, item.name)
    const { size } = await lstat(file)
    contents.push({ path: relative(tree, file), digest: await digestOf(file), bytes: size })
  }
  return contents.sort((one, other) => (one.path < other.path ? -1 : 1))
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), hash)
  return hash.digest('hex')
}

/** One fact a line, `name value`, in the words of `bench/debian-pair`. */
export function factsOf({ a, b, changed, added, removed }: Comparison): string {
  const facts: readonly (readonly [name: string, value: number])[] = [
    ['a-files', a.length],
    ['a-bytes', totalBytes(a)],
    ['b-files', b.length],
    ['b-bytes', totalBytes(b)],
    ['changed-files', changed.length],
    ['added-files', added.length],
    ['removed-files', removed.length],
    ['bytes-changed-or-added', totalBytes([...changed, ...added])],
  ]
  return facts.map(([name, value]) => `${name} ${value}\n`).join('')
}

export function totalBytes(files: readonly FileContent[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Of the regular files alone: owners, modes and links are not looked at. */
export async function requireEqualTrees(wanted: string, actual: string): Promise<void> {
  const { changed, added, removed } = await comparePair(wanted, actual)
  const wrong = [...changed, ...added, ...removed]
  if (wrong.length === 0) return
  throw new Error(`${actual} differs from ${wanted} in ${wrong.length} files, the first is ${wrong[0]?.path}`)
}

/** Of all regular files below a directory. */
export async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0
  for (const item of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (item.isFile()) bytes += (await lstat(join(item.parentPath, item.name))).size
  return bytes
}
