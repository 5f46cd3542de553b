import { request } from 'undici'
import type { UpdateReport } from '../reports/update-report.ts'
import { Connections } from './connections.ts'
import type { MachineSettings } from './machine-state.ts'
import type { ProxyVariables } from './proxy.ts'

/** For everything from the name's look-up to the answer: nobody is to wait for a report. */
const patienceMs = 5000

export interface ReportRoute {
  readonly settings: Pick<MachineSettings, 'url' | 'connection'>
  readonly env: ProxyVariables | undefined
  readonly timeoutMs?: number
}

/** Where reports go: to the repository itself, and to no mirror of it. */
export function reportUrl({ url }: Pick<MachineSettings, 'url'>): string {
  return new URL('v1/reports', url).href
}

/** Sends a report, once. False, whatever the reason, when it was not taken. */
export async function sendReport(report: UpdateReport, route: ReportRoute): Promise<boolean> {
  const { settings, env, timeoutMs = patienceMs } = route
  try {
    const url = new URL(reportUrl(settings))
    await using connections = new Connections({
      settings: settings.connection ?? {},
      env: env ?? {},
      ownOrigins: [url.origin],
      timeoutMs,
      connections: 1,
    })
    const { statusCode, body } = await request(url, {
      method: 'POST',
      dispatcher: connections.dispatcher(url),
      // The least that is needed: not even the version of the program.
      headers: { 'content-type': 'application/json' },
      body: reportBody(report),
      signal: AbortSignal.timeout(timeoutMs),
    })
    body.on('error', () => undefined).destroy()
    return statusCode === 204
  } catch {
    return false
  }
}

/** What is sent, byte by byte. */
export function reportBody({ channel, id, from, to, phase, outcome, code }: UpdateReport): string {
  return JSON.stringify({ channel, id, from, to, phase, outcome, ...(code !== undefined && { code }) })
}
