import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CommandContext } from '../command-context.ts'
import { defineCommand } from '../command.ts'
import { optionalArgument } from '../parameters.ts'
import { quote } from '../setting-parsers.ts'
import type { Example } from './example.ts'
import { answerOfQuickstart, type Quickstart } from './describe-quickstart.ts'

const cache = fileURLToPath(new URL('../../../node_modules/.cache/vend-quickstart', import.meta.url))

/** `npm run quickstart` */
export const quickstartCommand = defineCommand({
  path: 'quickstart',
  summary: 'publish two releases, and install, update, verify and roll back a machine',
  description:
    'Publishes two releases of real software, serves them, installs a machine at the first, updates it to the second, ' +
    'verifies it, rolls it back and forward, and says what each step took. The software comes through npm as it is ' +
    'set up here, and is kept for the next time. Two directories of your own are shown instead when you name them. ' +
    'The repository, its keys and the machine stay in ./repository, ./keys and ./machine; run again it publishes two ' +
    'releases more and makes the machine anew.',
  examples: ['quickstart', 'quickstart -- ./old-tree ./new-tree'],
  arguments: {
    older: optionalArgument('older', 'a directory: the first release', parseDirectory),
    newer: optionalArgument('newer', 'a directory: the second release', parseDirectory),
  },
  options: {},
  settings: ['store', 'keys', 'listen'],
  exitCodes: ['conflict', 'trust', 'store', 'input', 'damage'],
  afterInterruption: 'run the same command again: it makes the machine anew',
  check: ({ older, newer }) =>
    older !== undefined && newer === undefined ? ['NEWER: is missing; name two directories, or none'] : [],
  run: async ({ older, newer }, context): Promise<Quickstart> => {
    const { openExampleRepository } = await import('./example-repository.ts')
    const { ExampleMachine } = await import('./example-machine.ts')
    const { runExample } = await import('./run-example.ts')
    ExampleMachine.refuseOthers()
    const repository = await openExampleRepository(context)
    const example = await findExample(older, newer, context)
    const run = await runExample(context, example, repository)
    return { run, example, store: context.settings.store.name, keys: context.settings.keys }
  },
  answer: answerOfQuickstart,
  exitCode: ({ run }) => (run.damaged === 0 ? 'ok' : 'damage'),
})

async function findExample(
  older: string | undefined,
  newer: string | undefined,
  { signal, progress }: CommandContext,
): Promise<Example> {
  const { exampleOf } = await import('./example.ts')
  if (older !== undefined && newer !== undefined) return exampleOf(older, newer)
  const { packageExample } = await import('./package-example.ts')
  return packageExample({ cache, signal, onFetch: (title) => progress.begin(`fetching ${title}`) })
}

function parseDirectory(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() === true) return text
  throw new Error(`there is no directory ${quote(text)}`)
}
