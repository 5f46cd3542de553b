import { randomBytes } from 'node:crypto'
import type { ReportPhase, UpdateReport } from '../reports/update-report.ts'
import type { BuildPhase } from './build-root.ts'
import type { MachineSettings, MachineState } from './machine-state.ts'
import type { ProxyVariables } from './proxy.ts'
import { sendReport } from './report-sender.ts'

export interface AttemptOptions {
  readonly signal?: AbortSignal | undefined
  readonly env?: ProxyVariables | undefined
  readonly onPhase?: (phase: string) => void
}

/** An attempt at an update, of which the repository is told afterwards where the machine is set to. */
export class ReportedAttempt {
  readonly #state: MachineState
  readonly #options: AttemptOptions
  #phase: ReportPhase = 'fetch'
  #begun: Pick<UpdateReport, 'channel' | 'id' | 'from' | 'to'> | undefined

  constructor(state: MachineState, options: AttemptOptions) {
    this.#state = state
    this.#options = options
  }

  /** Something is to change. Without this there is nothing to report. To be called by whoever has the machine's lock. */
  begin(from: number | undefined, to: number): void {
    const { channel } = this.#state.settings()
    const id = reportIdOf(this.#state)
    if (id !== undefined) this.#begun = { channel, id, from: from ?? null, to }
  }

  readonly enter = (phase: BuildPhase): void => {
    this.#phase = phase === 'download' ? 'fetch' : 'build'
    this.#options.onPhase?.(phase)
  }

  /** What `work` comes to, after the report. A report that cannot be sent changes nothing. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work()
      await this.#report({ phase: 'switch', outcome: 'ok' })
      return result
    } catch (error) {
      // Who interrupts an update says nothing of the release.
      if (this.#options.signal?.aborted !== true) {
        await this.#report({ phase: this.#phase, outcome: 'failed', code: reportCodeOf(error) })
      }
      throw error
    }
  }

  async #report(ending: Pick<UpdateReport, 'phase' | 'outcome' | 'code'>): Promise<void> {
    const begun = this.#begun
    if (begun === undefined) return
    const route = { settings: this.#state.settings(), env: this.#options.env }
    await sendReport({ ...begun, ...ending }, route)
  }
}

/** What the machine calls itself in its channel's reports; undefined where it sends none. Needs the machine's lock. */
export function reportIdOf(state: MachineState): string | undefined {
  const settings = state.settings()
  if (settings.reports === undefined) return undefined
  const known = settings.reports[settings.channel]
  if (known !== undefined) return known
  const turnedOn = withReports(settings)
  state.saveSettings(turnedOn)
  return turnedOn.reports?.[settings.channel]
}

/** The settings with reports on, and an id for the channel. */
export function withReports(settings: MachineSettings): MachineSettings {
  const { channel, reports = {} } = settings
  const id = reports[channel] ?? randomBytes(16).toString('hex')
  return { ...settings, reports: { ...reports, [channel]: id } }
}

/** Of an error that nobody has foreseen there is no code, and nothing else is told of it. */
function reportCodeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,39}$/.test(code) ? code : 'INTERNAL'
}
