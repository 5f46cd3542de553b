import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Plans, StepKind } from './load-plan.ts'

export interface LoadOrder {
  readonly host: string
  readonly port: number
  readonly plans: Plans
  readonly clients: readonly { readonly plan: keyof Plans; readonly startMs: number }[]
  /** Of a client that goes by chunks. */
  readonly connections: number
}

export interface LoadOutcome {
  /** Milliseconds. */
  readonly latencies: Readonly<Partial<Record<StepKind, readonly number[]>>>
  readonly bytes: number
  readonly requests: number
  readonly errors: number
  readonly firstError: string | undefined
}

export interface LoadOptions {
  readonly clients: number
  /** They come evenly within this time; 0: all at once. */
  readonly overMs: number
  /** One in so many goes by chunks, the others by pack. */
  readonly chunksEvery: number
  readonly connections: number
}

export interface Load extends LoadOutcome {
  readonly seconds: number
}

/** Many machines that check and update, in a few processes of their own. */
export class LoadClients implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[]
  /** Rejects when one of them ends. */
  readonly #ended: Promise<never>

  constructor(processes: number) {
    const script = join(import.meta.dirname, 'load-process.ts')
    this.#processes = Array.from({ length: processes }, () => fork(script))
    this.#ended = Promise.race(this.#processes.map(async (child) => once(child, 'exit'))).then(() => {
      throw new Error('clients ended before they had their answers')
    })
    this.#ended.catch(() => undefined)
  }

  async update(url: string, plans: Plans, options: LoadOptions): Promise<Load> {
    const { hostname: host, port } = new URL(url)
    const { clients: count, overMs, chunksEvery, connections } = options
    const clients = Array.from({ length: count }, (_, i) => ({
      plan: i % chunksEvery === 0 ? ('byChunks' as const) : ('byPack' as const),
      startMs: (overMs * i) / count,
    }))
    const began = performance.now()
    const outcomes = await Promise.all(
      this.#processes.map(async (child, at) => {
        const share = clients.filter((_, i) => i % this.#processes.length === at)
        const order: LoadOrder = { host, port: Number(port), plans, clients: share, connections }
        child.send(order)
        const [outcome] = (await Promise.race([once(child, 'message'), this.#ended])) as [LoadOutcome]
        return outcome
      }),
    )
    return { ...merge(outcomes), seconds: (performance.now() - began) / 1000 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#processes.map(async (child) => {
        if (child.exitCode !== null) return
        child.disconnect()
        await once(child, 'exit')
      }),
    )
  }
}

export function merge(outcomes: readonly LoadOutcome[]): LoadOutcome {
  const latencies: Partial<Record<StepKind, number[]>> = {}
  for (const outcome of outcomes) {
    for (const [kind, all] of Object.entries(outcome.latencies) as [StepKind, readonly number[]][]) {
      latencies[kind] = (latencies[kind] ?? []).concat(all)
    }
  }
  const sum = (of: (outcome: LoadOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0)
  return {
    latencies,
    bytes: sum(({ bytes }) => bytes),
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    firstError: outcomes.find(({ firstError }) => firstError !== undefined)?.firstError,
  }
}
