import type { Program } from './build-command-tree.ts'
import { accessLogCommand } from './commands/access-log.ts'
import { auditCommand } from './commands/audit.ts'
import { buildCommand } from './commands/build.ts'
import { catCommand } from './commands/cat.ts'
import { channelGuardCommand } from './commands/channel-guard.ts'
import { channelHaltCommand } from './commands/channel-halt.ts'
import { channelHistoryCommand } from './commands/channel-history.ts'
import { channelListCommand } from './commands/channel-list.ts'
import { channelPromoteCommand } from './commands/channel-promote.ts'
import { channelResumeCommand } from './commands/channel-resume.ts'
import { channelRollbackCommand } from './commands/channel-rollback.ts'
import { channelRolloutCommand } from './commands/channel-rollout.ts'
import { channelSetCommand } from './commands/channel-set.ts'
import { channelStatusCommand } from './commands/channel-status.ts'
import { completionCommand } from './commands/completion.ts'
import { diffCommand } from './commands/diff.ts'
import { exportOciCommand } from './commands/export-oci.ts'
import { gcCommand } from './commands/gc.ts'
import { gcUndoCommand } from './commands/gc-undo.ts'
import { initCommand } from './commands/init.ts'
import { jobCancelCommand } from './commands/job-cancel.ts'
import { jobListCommand } from './commands/job-list.ts'
import { jobRunCommand } from './commands/job-run.ts'
import { jobShowCommand } from './commands/job-show.ts'
import { jobWatchCommand } from './commands/job-watch.ts'
import { keysApplyCommand } from './commands/keys-apply.ts'
import { keysDecryptCommand } from './commands/keys-decrypt.ts'
import { keysEncryptCommand } from './commands/keys-encrypt.ts'
import { keysGenerateCommand } from './commands/keys-generate.ts'
import { keysMergeCommand } from './commands/keys-merge.ts'
import { keysProposeCommand } from './commands/keys-propose.ts'
import { keysSignCommand } from './commands/keys-sign.ts'
import { keysStatusCommand } from './commands/keys-status.ts'
import { lsCommand } from './commands/ls.ts'
import { mirrorCommand } from './commands/mirror.ts'
import { modulesCheckCommand } from './commands/modules-check.ts'
import { modulesPlanCommand } from './commands/modules-plan.ts'
import { modulesUnownedCommand } from './commands/modules-unowned.ts'
import { modulesWhyCommand } from './commands/modules-why.ts'
import { packCommand } from './commands/pack.ts'
import { previewCommand } from './commands/preview.ts'
import { publishCommand } from './commands/publish.ts'
import { refreshCommand } from './commands/refresh.ts'
import { releasesCommand } from './commands/releases.ts'
import { repairCommand } from './commands/repair.ts'
import { serveCommand } from './commands/serve.ts'
import { showCommand } from './commands/show.ts'
import { tokenCreateCommand } from './commands/token-create.ts'
import { tokenListCommand } from './commands/token-list.ts'
import { tokenRevokeCommand } from './commands/token-revoke.ts'
import { tokenShowCommand } from './commands/token-show.ts'
import { verifyCommand } from './commands/verify.ts'
import { workCommand } from './commands/work.ts'
import { programVersion } from './program-version.ts'
import { runProgram } from './run-program.ts'

/** What the release engineer and the operator run. */
export const vendProgram: Program = {
  name: 'vend',
  summary: 'A content-addressed update repository for operating systems.',
  version: programVersion(),
  groups: {
    export: 'write releases in formats of other tools',
    channel: 'list, move, roll out, halt and roll back channels',
    modules: 'split a tree into modules, and say why',
    token: 'make, list and revoke the tokens of publishers and operators',
    access: 'see who did what',
    job: 'have work done by workers, watch it and cancel it',
    keys: 'make, share, rotate and revoke the keys that sign',
  },
  commands: [
    initCommand,
    publishCommand,
    buildCommand,
    modulesPlanCommand,
    modulesWhyCommand,
    modulesUnownedCommand,
    modulesCheckCommand,
    releasesCommand,
    showCommand,
    lsCommand,
    catCommand,
    diffCommand,
    previewCommand,
    exportOciCommand,
    packCommand,
    channelListCommand,
    channelSetCommand,
    channelPromoteCommand,
    channelRolloutCommand,
    channelHaltCommand,
    channelResumeCommand,
    channelRollbackCommand,
    channelHistoryCommand,
    channelStatusCommand,
    channelGuardCommand,
    keysStatusCommand,
    keysGenerateCommand,
    keysEncryptCommand,
    keysDecryptCommand,
    keysProposeCommand,
    keysSignCommand,
    keysMergeCommand,
    keysApplyCommand,
    tokenCreateCommand,
    tokenListCommand,
    tokenShowCommand,
    tokenRevokeCommand,
    accessLogCommand,
    serveCommand,
    workCommand,
    jobRunCommand,
    jobListCommand,
    jobShowCommand,
    jobWatchCommand,
    jobCancelCommand,
    verifyCommand,
    gcCommand,
    gcUndoCommand,
    repairCommand,
    mirrorCommand,
    auditCommand,
    refreshCommand,
    completionCommand(() => vendProgram, ['completion bash > /etc/bash_completion.d/vend']),
  ],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(vendProgram, argv, { stdout, stderr, env })
}
