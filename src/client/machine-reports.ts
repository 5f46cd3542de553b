import type { UpdateReport } from '../reports/update-report.ts'
import { otherSlot } from './machine-layout.ts'
import { MachineLock } from './machine-lock.ts'
import { MachineState } from './machine-state.ts'
import type { ProxyVariables } from './proxy.ts'
import { reportBody, reportUrl, sendReport } from './report-sender.ts'
import { reportIdOf, withReports } from './reported-attempt.ts'

export interface ReportsStatus {
  readonly isOn: boolean
  readonly url: string
  /** The whole of a report's body: of the last update, had it been reported now. */
  readonly example: string
}

/** What a machine tells its repository of its updates, if it is told to. */
export class MachineReports {
  readonly #state: MachineState
  readonly #env: ProxyVariables | undefined

  /** `env` is where proxies are named that the machine's settings do not name. */
  constructor(directory: string, env?: ProxyVariables) {
    this.#state = new MachineState(directory)
    this.#env = env
  }

  /** Off also forgets what the machine called itself. Throws MACHINE_MISSING, MACHINE_BUSY. */
  turn(to: 'on' | 'off'): void {
    const { reports, ...others } = this.#state.settings()
    using _lock = new MachineLock(this.#state.layout)
    this.#state.saveSettings(to === 'on' ? withReports({ ...others, ...(reports && { reports }) }) : others)
  }

  /** Throws MACHINE_MISSING. */
  status(): ReportsStatus {
    const settings = this.#state.settings()
    const id = settings.reports?.[settings.channel] ?? '0'.repeat(32)
    const report = { ...this.#lastMove(), channel: settings.channel, id }
    return {
      isOn: settings.reports !== undefined,
      url: reportUrl(settings),
      example: reportBody({ ...report, phase: 'switch', outcome: 'ok' }),
    }
  }

  /** Tells the repository whether the machine came up from its active root. False: it was not told. */
  async reportBoot(outcome: 'ok' | 'failed'): Promise<boolean> {
    const settings = this.#state.settings()
    const id = this.#id()
    if (id === undefined || this.#state.installed() === undefined) return false
    const report = { ...this.#lastMove(), channel: settings.channel, id, phase: 'boot', outcome } as const
    return sendReport(
      { ...report, ...(outcome === 'failed' && { code: 'BOOT_FAILED' }) },
      { settings, env: this.#env },
    )
  }

  #id(): string | undefined {
    using _lock = new MachineLock(this.#state.layout)
    return reportIdOf(this.#state)
  }

  /** As the two roots tell it. */
  #lastMove(): Pick<UpdateReport, 'from' | 'to'> {
    const active = this.#state.activeSlot()
    const before = active === undefined ? undefined : this.#state.slot(otherSlot(active))
    return { from: before?.version ?? null, to: this.#state.installed()?.version ?? 1 }
  }
}
