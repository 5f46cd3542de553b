import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcomeOf, startVend, vend, type Outcome } from '../src/cli/vend-process.ts'
import { parseSeries, type Series } from '../src/metrics/sample-metrics.ts'
import { OtlpReceiver, type ReceivedSpan } from '../src/tracing/otlp-receiver.ts'
import { counterStream } from '../support/byte-recipes.ts'
import { makeQueueUrl } from '../support/redis.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
const directory = mkdtempSync(join(tmpdir(), 'vend-observed-'))
let collector: OtlpReceiver
let queue = ''

beforeAll(async () => {
  collector = await OtlpReceiver.start()
  queue = await makeQueueUrl()
  await succeed(['init'])
  for (const release of [1, 2]) {
    writeTree(release)
    await succeed(['publish', 'base=tree', '--release', String(release)])
  }
  const grants = ['--publish', 'modules=*', '--channels', '*', '--expires', '1d']
  await succeed(['token', 'create', 'ci', ...grants, '--write', 'ci.token'])
})

afterAll(async () => {
  await collector[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

function writeTree(release: number): void {
  mkdirSync(join(directory, 'tree'), { recursive: true })
  const content = Buffer.concat([counterStream('observed', 200_000), Buffer.from(String(release))])
  writeFileSync(join(directory, 'tree/file'), content)
}

function traced(service: string): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: service,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  }
}

async function succeed(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  expect(await vend(args, { cwd: directory, env })).toMatchObject({ code: 0 })
}

/** A command that goes on, and what its log says. */
class Service implements AsyncDisposable {
  readonly #child: ReturnType<typeof startVend>
  readonly #outcome: Promise<Outcome>
  #text = ''

  constructor(args: readonly string[], env: Record<string, string>) {
    this.#child = startVend(args, { cwd: directory, env })
    this.#child.stderr.on('data', (text: unknown) => (this.#text += String(text)))
    this.#outcome = outcomeOf(this.#child)
  }

  async said(wanted: RegExp): Promise<string> {
    for (;;) {
      const found = wanted.exec(this.#text)?.[1]
      if (found !== undefined) return found
      await Promise.race([
        once(this.#child.stderr, 'data'),
        this.#outcome.then(({ stderr }) => {
          throw new Error(stderr)
        }),
      ])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#outcome
  }
}

const metricsUrl = /"url":"([^"]+)","msg":"metrics"/

async function scrape(url: string): Promise<Series[]> {
  return parseSeries(await (await fetch(`${url}/metrics`)).text())
}

function find(
  series: readonly Series[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return series.find(
    (one) =>
      one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  )?.value
}

/** The names of spans from a span up to the one that has no parent here. */
function wayUp(span: ReceivedSpan | undefined): string[] {
  if (span === undefined) return []
  const parent = collector.spans.find(({ spanId }) => spanId === span.parentSpanId)
  return [`${span.service}: ${span.name}`, ...wayUp(parent)]
}

test('one trace leads from a publisher by way of the front end to its store', async () => {
  const tracing = traced('front end')
  const args = ['serve', '--listen', '0', '--metrics', '127.0.0.1:0', '--publishing', 'yes']
  {
    await using server = new Service(args, tracing)
    const url = await server.said(/vend: serving .* on (http:\S+)/)
    const metrics = await server.said(metricsUrl)
    writeTree(3)
    const env = { ...traced('publisher'), TRACEPARENT: traceparent, VEND_TOKEN_FILE: 'ci.token' }
    await succeed(['publish', 'base=tree', '--release', '3', '--to', url], env)

    const series = await scrape(metrics)
    expect(find(series, 'vend_publishes_total', { way: 'remote', outcome: 'done' })).toBe(1)
    expect(find(series, 'vend_publish_chunks_total', { state: 'stored' })).toBeGreaterThan(0)
    expect(find(series, 'vend_releases')).toBe(3)
    expect(find(series, 'vend_cache_reads_total')).toBeGreaterThan(0)
    const ok = { route: 'publishing', method: 'POST', status: '2xx' }
    expect(find(series, 'vend_http_requests_total', ok)).toBeGreaterThan(0)
    // The timestamp and the checkpoint.
    expect(find(series, 'vend_store_calls_total', { operation: 'replace', outcome: 'ok' })).toBe(2)
    expect((await fetch(`${metrics}/readyz`)).status).toBe(200)
  }
  const replaced = collector
    .named('store replace')
    .find(({ attributes }) => attributes['vend.store.kind'] === 'tuf')
  expect(replaced?.traceId).toBe(traceId)
  expect(wayUp(replaced)).toEqual([
    'front end: store replace',
    'front end: POST publishing',
    'publisher: publish commit',
    'publisher: vend publish',
  ])
  const sent = collector.bodies.join('')
  const token = readFileSync(join(directory, 'ci.token'), 'utf8').trim()
  for (const secret of [token, token.slice(-20), 'Bearer', '127.0.0.1', directory, 'base=tree', 'chunks/']) {
    expect(sent).not.toContain(secret)
  }
})

test('one trace leads from a machine by way of the front end to the worker that builds its pack', async () => {
  const redis = ['--queue', queue]
  {
    await using server = new Service(['serve', '--listen', '0', ...redis], traced('front end'))
    const url = await server.said(/vend: serving .* on (http:\S+)/)
    const options = ['--metrics', '127.0.0.1:0', ...redis]
    await using worker = new Service(['work', ...options], traced('worker'))
    const metrics = await worker.said(metricsUrl)
    expect(await (await fetch(`${metrics}/readyz`)).json()).toEqual({ status: 'ready' })
    const [from, to] = await Promise.all([1, 2].map(async (version) => manifestOf(url, version)))
    const pack = `${url}/packs/${to}/${from}.pack`
    const asked = await fetch(pack, { headers: { traceparent } })
    expect(asked.status).toBe(404)
    while ((await fetch(pack)).status === 404) await sleep(200)
    const finished = async (): Promise<number | undefined> =>
      find(await scrape(metrics), 'vend_jobs_finished_total', { kind: 'build-pack', outcome: 'completed' })
    await expect.poll(finished, { timeout: 20_000 }).toBe(1)
    const series = await scrape(metrics)
    expect(find(series, 'vend_pack_builds_total', { outcome: 'built' })).toBe(1)
    expect(find(series, 'vend_queue_readable')).toBe(1)
    expect(find(series, 'vend_jobs_waiting', { kind: 'build-pack' })).toBe(0)
  }
  const stored = collector.named('pack store').find((span) => span.traceId === traceId)
  expect(wayUp(stored)).toEqual([
    'worker: pack store',
    'worker: vend job',
    'worker: job build-pack',
    'front end: GET packs',
  ])
})

async function manifestOf(url: string, version: number): Promise<string> {
  const response = await fetch(`${url}/v1/releases/${version}/modules/base`)
  const { manifest } = (await response.json()) as { manifest: { digest: string } }
  return manifest.digest.slice('sha256:'.length)
}
