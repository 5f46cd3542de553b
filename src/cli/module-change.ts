import type { ModuleStatus } from '../client/module-status.ts'
import type { AskedModules } from './change-modules.ts'
import { runUpdate } from './client-commands/update.ts'
import type { CommandContext } from './command-context.ts'
import { describeUpdate, updateJson, type Updated } from './describe-update.ts'
import type { ExitCodeName } from './exit-codes.ts'
import { openMachine } from './open-machine.ts'
import type { Answer } from './output.ts'

export interface ModuleChange {
  readonly names: readonly string[]
  readonly now: boolean
  /** What to ask for: from what is asked for, and what the repository has. */
  readonly change: (
    names: readonly string[],
    asked: AskedModules,
    known: readonly ModuleStatus[],
  ) => AskedModules
}

export interface ChangedModules {
  readonly asked: AskedModules
  readonly changed: boolean
  /** Undefined unless an update was to be made at once. */
  readonly updated: Updated | undefined
}

/** How the commands that change modules can end, and go on. */
export const moduleChangeEnds = {
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage', 'held', 'hook'],
  afterInterruption: '"vend-client module list" says what is asked for, and "vend-client update" installs it',
} as const satisfies { readonly exitCodes: readonly ExitCodeName[]; readonly afterInterruption: string }

export async function changeModules(
  context: CommandContext,
  { names, now, change }: ModuleChange,
): Promise<ChangedModules> {
  const machine = await openMachine(context)
  context.progress.begin('asking the repository')
  const known = await machine.modules()
  const before = machine.status().settings.modules
  const asked = change(names, before, known)
  const changed = asked !== 'all' && JSON.stringify(asked) !== JSON.stringify(before)
  if (changed) machine.setModules(() => asked)
  return { asked, changed, updated: now ? await runUpdate(context) : undefined }
}

export function answerOfModules({ asked, changed, updated }: ChangedModules): Answer {
  const modules = asked === 'all' ? 'all modules' : asked.join(', ')
  const said = changed ? `This machine now asks for ${modules}.` : `This machine asks for ${modules} already.`
  return {
    json: { changed, modules: asked, update: updated === undefined ? null : updateJson(updated) },
    text: (style) =>
      updated === undefined
        ? `${style.bold(said)}\n${changed ? '"vend-client update" makes it so.\n' : ''}`
        : `${said}\n${describeUpdate(updated, style)}`,
  }
}
