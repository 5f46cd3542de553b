import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contender, Work } from './delta-contender.ts'
import { run } from './measure.ts'
import type { Command } from './measure.ts'
import { directoryBytes, requireEqualTrees } from './pairs-compare.ts'

/** The chunks of a are in the store before, and are kept apart to tell what b adds. */
export const casync: Contender = {
  name: 'casync',
  remark:
    'what b adds to a store with the chunks of a (64 KiB on average), and the index of b; a is the seed',
  make: async (work) => {
    await run(publish(work, work.a, 'a.caidx'))
    await run({ argv: ['cp', '-a', '--link', join(work.directory, 'store.castr'), chunksOfA(work)] })
    return work.measure(publish(work, work.b, 'b.caidx'))
  },
  bytes: async (work) => {
    const added =
      (await directoryBytes(join(work.directory, 'store.castr'))) - (await directoryBytes(chunksOfA(work)))
    return added + (await stat(join(work.directory, 'b.caidx'))).size
  },
  apply: (work) =>
    work.measure({
      argv: [
        'casync',
        'extract',
        store(work),
        `--seed=${work.a}`,
        join(work.directory, 'b.caidx'),
        installed(work),
      ],
    }),
  check: (work) => requireEqualTrees(work.b, installed(work)),
}

function publish(work: Work, tree: string, index: string): Command {
  return { argv: ['casync', 'make', store(work), join(work.directory, index), tree] }
}

function store(work: Work): string {
  return `--store=${join(work.directory, 'store.castr')}`
}

function chunksOfA(work: Work): string {
  return join(work.directory, 'a.castr')
}

function installed(work: Work): string {
  return join(work.directory, 'installed')
}
