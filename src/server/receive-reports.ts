import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BlobStore } from '../../storage/blob-store.ts'
import { ReportCollector } from '../reports/report-collector.ts'
import { maxReportBytes, readUpdateReport, type UpdateReport } from '../reports/update-report.ts'
import { AddressRates } from './address-rates.ts'
import type { Plane, PlaneContext } from './plane.ts'
import { ProblemError } from './problem.ts'
import { remoteOf } from './remote-of.ts'
import { ReportableReleases } from './reportable-releases.ts'
import { pathOf } from './request-path.ts'
import { withinGrace } from './within-grace.ts'

const path = '/v1/reports'

/** Whether a request is one that nothing is kept of but what its body says. */
export function isReport(req: IncomingMessage): boolean {
  return pathOf(req) === path
}

/** How a server hears from machines how their updates went. */
export interface ReportsOptions {
  readonly store: BlobStore
  /** How often what was heard is stored. Default: 15 s. */
  readonly flushMs?: number | undefined
}

export type ReportReceiverOptions = ReportsOptions & PlaneContext

/**
 * `POST /v1/reports`, beside express like the data plane: a fleet may speak all at once. The address of whoever speaks
 * is counted for a minute, in memory, in a form that cannot be read back, and is neither stored nor logged.
 */
export class ReportReceiver implements Plane {
  readonly #options: ReportReceiverOptions
  readonly #releases: ReportableReleases
  readonly #rates: AddressRates
  readonly #collector: ReportCollector

  constructor(options: ReportReceiverOptions) {
    this.#options = options
    this.#releases = new ReportableReleases(options.repository)
    this.#rates = new AddressRates(options.now)
    this.#collector = new ReportCollector({
      store: options.store,
      flushMs: options.flushMs ?? 15_000,
      releasesOf: async (channel) => this.#releases.of(channel),
      onFailure: (err) => options.logger.warn({ err }, 'reports not stored; they are kept for the next try'),
    })
  }

  owns(req: IncomingMessage): boolean {
    return isReport(req)
  }

  checkBody(req: IncomingMessage): void {
    if (req.method === 'POST') checkReportBody(req)
    else throw onlySent({ Connection: 'close' })
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    refuseOtherForms(req)
    this.#refuseTooMany(req)
    const report = parseReport(await readBody(req))
    await this.#releases.check(report.channel, report.to)
    if (!this.#collector.note(report)) {
      throw new ProblemError('SERVER_BUSY', 'too many reports wait to be stored; try again')
    }
    res.statusCode = 204
    res.setHeader('Cache-Control', 'no-store')
    res.end()
  }

  /** Stores what was heard and not stored yet, as far as the store lets it in that time. */
  async close(graceMs: number): Promise<void> {
    await withinGrace(this.#collector.close(), graceMs)
  }

  #refuseTooMany(req: IncomingMessage): void {
    const { limits, trust } = this.#options
    const remote = remoteOf(req, trust)
    if (remote === undefined || this.#rates.count(remote) <= limits.maxReportsPerMinute) return
    const detail = `one address may send ${limits.maxReportsPerMinute} reports a minute`
    throw new ProblemError('REPORTS_TOO_MANY', detail, { headers: { Connection: 'close' } })
  }
}

function refuseOtherForms(req: IncomingMessage): void {
  if (req.method !== 'POST') {
    throw onlySent()
  }
  if (req.url !== path) throw new ProblemError('REQUEST_INVALID', 'a report has no query parameters')
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/json') return
  throw new ProblemError('REQUEST_INVALID', 'send the report as JSON, with Content-Type: application/json')
}

/** `checkBody` saw that the body has a length, and a small one. */
async function readBody(req: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of req as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

function parseReport(body: Buffer): UpdateReport {
  const report = readUpdateReport(parseJson(body))
  if (typeof report === 'string') throw new ProblemError('REQUEST_INVALID', report)
  return report
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new ProblemError('REQUEST_INVALID', 'the report is not JSON', { cause })
  }
}

/** Throws the problem of a request with a body that no report can have. */
function checkReportBody({ headers }: IncomingMessage): void {
  const close = { headers: { Connection: 'close' } }
  if (headers['transfer-encoding'] !== undefined) {
    throw new ProblemError('REQUEST_INVALID', 'send the report with its Content-Length', close)
  }
  if (Number(headers['content-length'] ?? 0) > maxReportBytes) {
    throw new ProblemError('BODY_TOO_LARGE', `a report has at most ${maxReportBytes} bytes`, close)
  }
}

function onlySent(headers: Readonly<Record<string, string>> = {}): ProblemError {
  const allowed = { headers: { Allow: 'POST', ...headers } }
  return new ProblemError('METHOD_NOT_ALLOWED', 'reports are only sent here', allowed)
}
