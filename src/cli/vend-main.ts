import type { Program } from './build-command-tree.ts'
import { catCommand } from './commands/cat.ts'
import { channelListCommand } from './commands/channel-list.ts'
import { channelSetCommand } from './commands/channel-set.ts'
import { completionCommand } from './commands/completion.ts'
import { diffCommand } from './commands/diff.ts'
import { initCommand } from './commands/init.ts'
import { lsCommand } from './commands/ls.ts'
import { packCommand } from './commands/pack.ts'
import { previewCommand } from './commands/preview.ts'
import { publishCommand } from './commands/publish.ts'
import { refreshCommand } from './commands/refresh.ts'
import { releasesCommand } from './commands/releases.ts'
import { serveCommand } from './commands/serve.ts'
import { showCommand } from './commands/show.ts'
import { verifyCommand } from './commands/verify.ts'
import { programVersion } from './program-version.ts'
import { runProgram } from './run-program.ts'

/** What the release engineer and the operator run. */
export const vendProgram: Program = {
  name: 'vend',
  summary: 'A content-addressed update repository for operating systems.',
  version: programVersion(),
  groups: { channel: 'list, move, roll out and halt channels' },
  commands: [
    initCommand,
    publishCommand,
    releasesCommand,
    showCommand,
    lsCommand,
    catCommand,
    diffCommand,
    previewCommand,
    packCommand,
    channelListCommand,
    channelSetCommand,
    serveCommand,
    verifyCommand,
    refreshCommand,
    completionCommand(() => vendProgram, ['completion bash > /etc/bash_completion.d/vend']),
  ],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(vendProgram, argv, { stdout, stderr, env })
}
