import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Contender, Work } from './delta-contender.ts'
import { run } from './measure.ts'
import { directoryBytes, requireEqualTrees } from './pairs-compare.ts'

/** Not a and b: ostree would take these for the beginning of a commit's digest. */
const branches = { a: 'older', b: 'newer' } as const

/** Commits are of one time, so that they are the same in every run. */
const committed = '--timestamp=2024-01-01T00:00:00Z'

/** What lies in `deltas/`: a superblock and the parts. Large files it has no like of are fetched as objects beside. */
function staticDelta(name: string, remark: string, options: readonly string[]): Contender {
  return {
    name,
    remark,
    make: async (work) => {
      await commitBoth(work)
      return work.measure({
        argv: [
          'ostree',
          'static-delta',
          'generate',
          server(work),
          ...options,
          `--from=${branches.a}`,
          `--to=${branches.b}`,
        ],
      })
    },
    bytes: async (work) => (await directoryBytes(deltas(work))) + (await fallbackBytes(work)),
    apply: async (work) => {
      if ((await fallbackBytes(work)) > 0) return undefined
      await run({ argv: ['ostree', 'init', client(work), '--mode=bare-user'] })
      await run({ argv: ['ostree', 'pull-local', client(work), join(work.directory, 'server'), branches.a] })
      return work.measure({
        argv: [
          'sh',
          '-c',
          'ostree "$1" static-delta apply-offline "$2"/*/*',
          'sh',
          client(work),
          deltas(work),
        ],
      })
    },
    check: async (work) => {
      const installed = join(work.directory, 'installed')
      const commit = await ostreeSays('rev-parse', server(work), branches.b)
      await rm(installed, { recursive: true, force: true })
      await run({ argv: ['ostree', 'checkout', client(work), '--user-mode', commit.trim(), installed] })
      await requireEqualTrees(work.b, installed)
    },
  }
}

async function commitBoth(work: Work): Promise<void> {
  await run({ argv: ['ostree', 'init', server(work), '--mode=archive'] })
  for (const side of ['a', 'b'] as const)
    await run({
      argv: [
        'ostree',
        'commit',
        server(work),
        committed,
        `--branch=${branches[side]}`,
        `--tree=dir=${work[side]}`,
      ],
    })
}

/** What a machine fetches object by object beside the delta. `apply-offline` refuses a delta that needs it. */
async function fallbackBytes(work: Work): Promise<number> {
  const name = (await ostreeSays('static-delta', 'list', server(work))).trim()
  const described = await ostreeSays('static-delta', 'show', server(work), name)
  const bytes = /^Total Fallback Size: (\d+)/m.exec(described)?.[1]
  if (bytes === undefined)
    throw new Error(`ostree static-delta show said nothing of fallbacks:\n${described}`)
  return Number(bytes)
}

async function ostreeSays(...parameters: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('ostree', parameters)
  return stdout
}

function server(work: Work): string {
  return `--repo=${join(work.directory, 'server')}`
}

function client(work: Work): string {
  return `--repo=${join(work.directory, 'client')}`
}

function deltas(work: Work): string {
  return join(work.directory, 'server', 'deltas')
}

export const ostree: readonly Contender[] = [
  staticDelta(
    'ostree',
    'ostree static-delta generate: bsdiff, rolling checksums, LZMA; files over 4 MB without a like one go beside',
    [],
  ),
  staticDelta(
    'ostree without limits',
    'the same with --min-fallback-size=0 --max-bsdiff-size=4096 --max-chunk-size=4096',
    ['--min-fallback-size=0', '--max-bsdiff-size=4096', '--max-chunk-size=4096'],
  ),
]
