import type { Program } from './build-command-tree.ts'
import { auditCommand } from './client-commands/audit.ts'
import { checkCommand } from './client-commands/check.ts'
import { connectionSetCommand } from './client-commands/connection-set.ts'
import { connectionShowCommand } from './client-commands/connection-show.ts'
import { imageResetCommand } from './client-commands/image-reset.ts'
import { imageSetCommand } from './client-commands/image-set.ts'
import { initCommand } from './client-commands/init.ts'
import { moduleAddCommand } from './client-commands/module-add.ts'
import { moduleListCommand } from './client-commands/module-list.ts'
import { moduleRemoveCommand } from './client-commands/module-remove.ts'
import { pinCommand } from './client-commands/pin.ts'
import { reportsBootCommand } from './client-commands/reports-boot.ts'
import { reportsOffCommand } from './client-commands/reports-off.ts'
import { reportsOnCommand } from './client-commands/reports-on.ts'
import { reportsShowCommand } from './client-commands/reports-show.ts'
import { rollbackCommand } from './client-commands/rollback.ts'
import { statusCommand } from './client-commands/status.ts'
import { unpinCommand } from './client-commands/unpin.ts'
import { updateCommand } from './client-commands/update.ts'
import { verifyCommand } from './client-commands/verify.ts'
import { completionCommand } from './commands/completion.ts'
import { programVersion } from './program-version.ts'
import { runProgram } from './run-program.ts'

/** What a machine runs. */
export const clientProgram: Program = {
  name: 'vend-client',
  summary: 'Keeps this machine on the releases of a Vend repository.',
  version: programVersion(),
  groups: {
    connection: 'say how the repository is reached, or change it',
    image: 'say where images of modules lie',
    module: 'list the modules, ask for more or for fewer',
    reports: 'tell the repository how updates go, or not',
  },
  commands: [
    initCommand,
    checkCommand,
    updateCommand,
    statusCommand,
    rollbackCommand,
    pinCommand,
    unpinCommand,
    verifyCommand,
    auditCommand,
    moduleListCommand,
    moduleAddCommand,
    moduleRemoveCommand,
    imageSetCommand,
    imageResetCommand,
    reportsOnCommand,
    reportsOffCommand,
    reportsShowCommand,
    reportsBootCommand,
    connectionShowCommand,
    connectionSetCommand,
    completionCommand(() => clientProgram, ['completion bash > /etc/bash_completion.d/vend-client']),
  ],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(clientProgram, argv, { stdout, stderr, env })
}
