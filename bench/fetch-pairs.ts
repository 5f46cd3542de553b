/**
 * Fetches the pairs of trees that deltas are measured on into `bench/made/pairs/<name>/{a,b}`:
 * `node bench/fetch-pairs.ts`. Packages come from the registry that npm, and from the archive that apt, is configured
 * with. What is there is not fetched again.
 */
import { existsSync } from 'node:fs'
import { lutimes, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './measure.ts'
import { comparePair, factsOf } from './pairs-compare.ts'
import { pairs } from './pairs.ts'
import type { Pair, PairSource } from './pairs.ts'

const made = join(import.meta.dirname, 'made')

/** Every file and directory is as old as this, in seconds: 2024-01-01. */
const modified = 1_704_067_200

async function main(): Promise<void> {
  for (const pair of pairs) {
    if (pair.source === undefined) continue
    const directory = join(made, pair.directory)
    if (!existsSync(directory)) await make(pair, pair.source, directory)
    const facts = await readFile(join(directory, 'facts'), 'utf8')
    console.log(`${pair.name}: ${facts.trim().replaceAll('\n', '; ')}`)
  }
}

/** A directory under its own name is a complete one. */
async function make(pair: Pair, source: PairSource, directory: string): Promise<void> {
  process.stderr.write(`fetch-pairs: ${pair.name}: ${pair.remark}\n`)
  const unfinished = `${directory}.new`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  for (const [index, side] of [[0, 'a'] as const, [1, 'b'] as const]) {
    const tree = join(unfinished, side)
    await mkdir(tree)
    try {
      await fetchTree(source, index, tree)
    } catch (cause) {
      throw new Error(
        `${pair.name}/${side} could not be fetched: registries and archives drop old versions; ` +
          `bench/pairs.ts says which are wanted`,
        { cause },
      )
    }
    await settle(tree)
  }
  await writeFile(
    join(unfinished, 'facts'),
    factsOf(await comparePair(join(unfinished, 'a'), join(unfinished, 'b'))),
  )
  await rename(unfinished, directory)
}

async function fetchTree(source: PairSource, index: 0 | 1, tree: string): Promise<void> {
  switch (source.kind) {
    case 'npm-package':
      return unpackNpmPackage(`${source.package}@${source.versions[index]}`, tree)
    case 'npm-installation':
      return installNpmPackage(`${source.package}@${source.versions[index]}`, source.before[index], tree)
    case 'debian':
      return unpackDebianPackages(source.packages[index], tree, source.keep, {
        from: source.rename?.from[index],
        to: source.rename?.to,
      })
  }
}

async function unpackNpmPackage(specifier: string, tree: string): Promise<void> {
  await inTemporary(tree, async (downloads) => {
    await run({ argv: ['npm', 'pack', '--silent', '--pack-destination', downloads, specifier] })
    for (const archive of await readdir(downloads))
      await extract(join(downloads, archive), tree, '--strip-components=1')
  })
}

/** Without what is optional, which are binaries of one platform, and without what npm notes for itself. */
async function installNpmPackage(specifier: string, before: string, tree: string): Promise<void> {
  const options = [
    '--silent',
    '--ignore-scripts',
    '--omit=optional',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
  ]
  await run({ argv: ['npm', 'install', ...options, `--before=${before}`, `--prefix=${tree}`, specifier] })
  for (const note of ['package.json', 'node_modules/.package-lock.json'])
    await rm(join(tree, note), { force: true })
}

async function unpackDebianPackages(
  packages: readonly string[],
  tree: string,
  keep: readonly string[] | undefined,
  { from, to }: { from: string | undefined; to: string | undefined },
): Promise<void> {
  await inTemporary(tree, async (downloads) => {
    const download = ['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', ...packages] as const
    await run({ argv: ['env', '--chdir', downloads, ...download] })
    const unpacked = join(downloads, 'unpacked')
    for (const archive of (await readdir(downloads)).sort())
      await run({ argv: ['dpkg-deb', '--extract', join(downloads, archive), unpacked] })
    if (from !== undefined && to !== undefined) await renameBelow(unpacked, from, to)
    for (const part of keep ?? (await readdir(unpacked))) {
      await mkdir(join(tree, part, '..'), { recursive: true })
      await rename(join(unpacked, part), join(tree, part))
    }
  })
}

/** Deepest first, so that no path changes before its turn. */
async function renameBelow(tree: string, from: string, to: string): Promise<void> {
  const items = await readdir(tree, { recursive: true, withFileTypes: true })
  const paths = items
    .filter(({ name }) => name.includes(from))
    .map((item) => [item.parentPath, item.name] as const)
  paths.sort(([one], [other]) => other.length - one.length)
  for (const [parent, name] of paths)
    await rename(join(parent, name), join(parent, name.replaceAll(from, to)))
}

async function extract(archive: string, tree: string, ...options: readonly string[]): Promise<void> {
  await run({
    argv: ['tar', '--extract', '--no-same-owner', ...options, `--file=${archive}`, `--directory=${tree}`],
  })
}

/** Beside a tree, so that what is in it can be moved there. */
async function inTemporary(tree: string, work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(`${tree}.`)
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function settle(tree: string): Promise<void> {
  for (const item of await readdir(tree, { recursive: true, withFileTypes: true }))
    await lutimes(join(item.parentPath, item.name), modified, modified)
  await lutimes(tree, modified, modified)
}

await main()
