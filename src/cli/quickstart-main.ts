import type { Program } from './build-command-tree.ts'
import { programVersion } from './program-version.ts'
import { quickstartCommand } from './quickstart/quickstart-command.ts'
import { runProgram } from './run-program.ts'

/** What shows someone who has just come by what all this does. */
const quickstartProgram: Program = {
  name: 'npm run',
  speaker: 'quickstart',
  summary: 'Shows a repository and a machine at work.',
  version: programVersion(),
  groups: {},
  commands: [quickstartCommand],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(quickstartProgram, [quickstartCommand.path, ...argv], {
    stdout,
    stderr,
    env,
  })
}
