import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender, Work } from './delta-contender.ts'
import { emptyDirectory } from './empty-directory.ts'
import { run } from './measure.ts'
import type { Command } from './measure.ts'
import { comparePair } from './pairs-compare.ts'

const program = fileURLToPath(new URL('../src/cli/vend.mjs', import.meta.url))
const applier = fileURLToPath(new URL('apply-pack.mjs', import.meta.url))

/** A pack from the one tree to the other, each published as a release; its manifest is in it. */
export const vendPack: Contender = {
  name: 'vend pack',
  remark:
    'vend pack, of both trees published before; applied by the reader of packs to every changed and new content, ' +
    'each checked by its SHA-256',
  make: async (work) => {
    await run(vend(work, 'init'))
    for (const [release, tree] of [
      ['1', work.a],
      ['2', work.b],
    ] as const) {
      await run(vend(work, 'publish', tree, '--release', release, '--module', 'system'))
    }
    return work.measure(vend(work, 'pack', '1', '2'))
  },
  bytes: async (work) => (await stat(await packOf(work))).size,
  apply: async (work) => {
    await emptyDirectory(made(work))
    const argv = [process.execPath, applier, store(work), work.a, made(work)] as const
    return work.measure({ argv })
  },
  check: async (work) => {
    const { b } = await comparePair(work.a, made(work))
    const digests = new Set(b.map(({ digest }) => digest))
    const missing = work.wanted.find(({ digest, bytes }) => bytes > 0 && !digests.has(digest))
    if (missing !== undefined) throw new Error(`${missing.path} was not made as it should be`)
  },
}

async function packOf(work: Work): Promise<string> {
  const packs = join(work.directory, 'store', 'packs')
  const files = await readdir(packs, { recursive: true })
  const [pack, ...others] = files.filter((name) => name.endsWith('.pack'))
  if (pack === undefined || others.length > 0) throw new Error(`${packs} does not hold one pack`)
  return join(packs, pack)
}

function vend(work: Work, ...parameters: string[]): Command {
  return {
    argv: [process.execPath, program, ...parameters],
    env: { VEND_STORE: `file:${store(work)}`, VEND_KEYS: join(work.directory, 'keys') },
  }
}

function store(work: Work): string {
  return join(work.directory, 'store')
}

function made(work: Work): string {
  return join(work.directory, 'made')
}
