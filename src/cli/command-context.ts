import type { Progress } from './progress.ts'
import type { Environment } from './setting-parsers.ts'
import type { Settings } from './settings-table.ts'
import type { OutputStream } from './terminal.ts'

/** What a command works with. Nothing else of the process is any of its business. */
export interface CommandContext {
  readonly settings: Settings
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly env: Environment
  /** Progress and notes, on stderr. */
  readonly progress: Progress
  /** Whether the answer is for a program, and may be kept: it has no secret in it. */
  readonly asJson: boolean
  /** For commands whose answer is bytes. */
  readonly stdout: OutputStream
}
