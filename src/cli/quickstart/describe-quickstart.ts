import { describeKept, describeNotKept, keptJson, notKeptJson } from '../describe-update.ts'
import { formatBytes, formatCount, formatCounted, formatDuration } from '../format-quantity.ts'
import type { Answer } from '../output.ts'
import { formatTable } from '../table.ts'
import type { Style } from '../terminal.ts'
import { firstVersion } from './example-repository.ts'
import { exampleMachineDirectory } from './example-machine.ts'
import type { Example } from './example.ts'
import type { ExampleRun, Step } from './run-example.ts'

export interface Quickstart {
  readonly run: ExampleRun
  readonly example: Example
  readonly store: string
  readonly keys: string
}

/** The table, what it shows, and where to go from there. */
export function answerOfQuickstart(quickstart: Quickstart): Answer {
  const { run, store, keys } = quickstart
  return {
    json: {
      repository: store,
      keys,
      machine: exampleMachineDirectory,
      releases: [...run.versions],
      steps: run.steps.map(({ name, ms, ...measures }) => ({
        step: name,
        seconds: Math.round(ms) / 1000,
        ...measures,
      })),
      damaged: run.damaged,
      kept: keptJson(run.updated.kept),
      notKept: notKeptJson(run.updated.notKept),
    },
    text: (style) => describe(quickstart, style),
  }
}

function describe({ run, example, store, keys }: Quickstart, { bold, yellow, red }: Style): string {
  const [older, newer] = run.versions
  const isAgain = older !== firstVersion
  const damage = `${formatCounted(run.damaged, 'path')} of the machine not as released.\n`
  return (
    `${bold(`Release ${older}`)}  ${example.releases[0].title}\n` +
    `${bold(`Release ${newer}`)}  ${example.releases[1].title}\n\n` +
    formatTable(columns, run.steps.map(rowOf)) +
    (isAgain ? '\nThe repository is that of an earlier run, and has two releases more now.' : '') +
    `\n${comparison(run)}` +
    (run.damaged > 0 ? red(damage) : 'Every file of the machine was read, and is as it was released.\n') +
    describeKept(run.updated.kept) +
    describeNotKept(run.updated.notKept, yellow) +
    whatNext(store, keys)
  )
}

const columns = [
  { title: 'STEP' },
  { title: 'TREE', align: 'right' },
  { title: 'STORED', align: 'right' },
  { title: 'TRANSFERRED', align: 'right' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'TOOK', align: 'right' },
] as const

function rowOf({ name, treeBytes, storedBytes, transferredBytes, requests, ms }: Step): string[] {
  const bytes = (count: number | undefined): string => (count === undefined ? '' : formatBytes(count))
  return [
    name,
    bytes(treeBytes),
    bytes(storedBytes),
    bytes(transferredBytes),
    requests === undefined ? '' : formatCount(requests),
    ms < 10 ? '< 0.01 s' : formatDuration(ms),
  ]
}

function comparison({ installed, updated }: ExampleRun): string {
  if (installed.bytes === 0) return ''
  const share = (updated.bytes / installed.bytes) * 100
  const shown = share < 10 ? share.toFixed(1) : String(Math.round(share))
  return `The update took ${shown} % of the bytes of the first installation.\n`
}

function whatNext(store: string, keys: string): string {
  const machine = exampleMachineDirectory
  const lines: readonly (readonly [string, string])[] = [
    ['npm start', `serve ${store}; then, in another terminal:`],
    [`npx vend-client check --machine ${machine}`, 'ask it for news'],
    [`npx vend-client status --machine ${machine}`, `what is in ${machine}/root`],
    ['npx vend releases', `what was published, signed with the keys in ${keys}`],
    ['npm run quickstart -- OLD NEW', 'the same with two directories of yours'],
  ]
  const width = Math.max(...lines.map(([command]) => command.length))
  return `\nWhat to do next:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}\n`).join('')}`
}
