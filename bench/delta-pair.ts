import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contender, WantedContent, Work } from './delta-contender.ts'
import { wantedContents } from './delta-wanted.ts'
import { measure, run } from './measure.ts'
import { comparePair, type Comparison } from './pairs-compare.ts'
import type { Pair } from './pairs.ts'

/** A pair that contenders work on; disposed of, nothing of it is left in the scratch directory but what they made. */
export interface OpenPair extends AsyncDisposable {
  readonly pair: Pair
  readonly comparison: Comparison
  readonly wanted: readonly WantedContent[]
  readonly workFor: (contender: Contender) => Promise<Work>
}

const made = join(import.meta.dirname, 'made')

export async function openPair(pair: Pair, scratch: string): Promise<OpenPair> {
  const a = await plainTree(join(made, pair.directory, 'a'), join(scratch, 'a'))
  const b = await plainTree(join(made, pair.directory, 'b'), join(scratch, 'b'))
  // It also reads everything once, so that nobody is the first to.
  const comparison = await comparePair(a, b)
  const wanted = wantedContents(comparison)
  return {
    pair,
    comparison,
    wanted,
    workFor: async ({ name }) => {
      const directory = join(scratch, name.replaceAll(/[^a-z0-9]+/g, '-'))
      await mkdir(directory)
      return { a, b, comparison, wanted, directory, measure: measureSettled(scratch) }
    },
    [Symbol.asyncDispose]: async () => {
      for (const copy of ['a', 'b']) await rm(join(scratch, copy), { recursive: true, force: true })
    },
  }
}

/** What one run leaves for the disk to do is not the next one's to wait for. */
function measureSettled(scratch: string): Work['measure'] {
  return async (command) => {
    await run({ argv: ['sync', '--file-system', scratch] })
    return measure(command, join(scratch, 'usage'))
  }
}

/** The tree itself, or a copy without the devices that ostree refuses: all contenders get the same. */
async function plainTree(tree: string, copy: string): Promise<string> {
  if (!existsSync(tree))
    throw new Error(`${tree} does not exist: node bench/fetch-pairs.ts and bench/debian-pair make the pairs`)
  const items = await readdir(tree, { recursive: true, withFileTypes: true })
  if (items.every((item) => item.isFile() || item.isDirectory() || item.isSymbolicLink())) return tree
  await run({ argv: ['cp', '-a', '--reflink=auto', tree, copy] })
  await run({ argv: ['find', copy, '-type', 'b,c,p,s', '-delete'] })
  return copy
}
