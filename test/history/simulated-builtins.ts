import { AsyncLocalStorage } from 'node:async_hooks'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'
import zlib from 'node:zlib'
import { decompressInline, WholeTransform } from './inline-zstd.ts'
import { rememberVerifications } from './remember-verifications.ts'
import type { SimulatedProcess } from './simulated-process.ts'

const current = new AsyncLocalStorage<SimulatedProcess>()

/** Runs a program of a process: what it waits for by Node's own timers passes by the clock of its world. */
export function runSimulated(process: SimulatedProcess, main: () => Promise<void>): Promise<void> {
  return current.run(process, main)
}

/**
 * Until disposed of, what programs take from Node is ready at once or goes by the world, and so leaves nothing to the
 * machine's speed:
 *
 * - timers and clocks of simulated processes (others keep the real ones);
 * - zstd, whose threads Node does not count among the active resources, works on the thread that calls it;
 * - ids are drawn by the process;
 * - a signature that was verified once is not verified again, which takes a third of the time.
 */
export function simulateBuiltins(): Disposable {
  const undo = [
    provide(timers, { setTimeout: sleepOr(timers.setTimeout) }),
    provide(globalThis, {
      setInterval: intervalOr(globalThis.setInterval),
      clearInterval: clearOr(globalThis.clearInterval),
      Date: dateOr(globalThis.Date),
    }),
    provide(performance, { now: elapsedOr(performance.now.bind(performance)) }),
    provide(zlib, {
      zstdDecompress: decompressInline,
      createZstdDecompress: (options?: zlib.ZstdOptions) =>
        new WholeTransform((input) => zlib.zstdDecompressSync(input, options)),
      createZstdCompress: (options?: zlib.ZstdOptions) =>
        new WholeTransform((input) => zlib.zstdCompressSync(input, options)),
    }),
    provide(crypto, {
      ...rememberVerifications(crypto.verify, crypto.createPublicKey),
      randomUUID: () => drawnHex(16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      randomBytes: (size: number) => Buffer.from(drawnHex(size), 'hex'),
    }),
  ]
  return {
    [Symbol.dispose]: () => {
      for (const one of undo) one()
    },
  }
}

/** To every module that uses these; resolves to what takes it back. */
function provide(holder: object, members: Readonly<Record<string, unknown>>): () => void {
  const before = Object.keys(members).map(
    (name) => [name, Object.getOwnPropertyDescriptor(holder, name)] as const,
  )
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true })
  }
  syncBuiltinESMExports()
  return () => {
    for (const [name, descriptor] of before) {
      // What was inherited is again.
      if (descriptor === undefined) Reflect.deleteProperty(holder, name)
      else Object.defineProperty(holder, name, descriptor)
    }
    syncBuiltinESMExports()
  }
}

function drawnHex(size: number): string {
  const random = current.getStore()?.random
  return Array.from({ length: size }, () => random?.below(256) ?? Math.floor(Math.random() * 256))
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}

function elapsedOr(real: () => number): () => number {
  return () => current.getStore()?.elapsed() ?? real()
}

/** The same class, but for what it takes the present to be. */
function dateOr(real: DateConstructor): DateConstructor {
  const presentOf = (process: SimulatedProcess | undefined): number => process?.now().getTime() ?? real.now()
  return new Proxy(real, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length > 0 ? args : [presentOf(current.getStore())], newTarget) as Date,
    get: (target, name, receiver) =>
      name === 'now' ? () => presentOf(current.getStore()) : (Reflect.get(target, name, receiver) as unknown),
  })
}

type SetTimeout = typeof timers.setTimeout

function sleepOr(real: SetTimeout): SetTimeout {
  return async (ms, value, options) => {
    const process = current.getStore()
    if (process === undefined) return real(ms, value, options)
    const { signal } = options ?? {}
    signal?.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    signal?.addEventListener('abort', () => aborted.reject(signal.reason), { once: true })
    await Promise.race([process.sleep(ms ?? 0), aborted.promise])
    return value as never
  }
}

/** What stands for the timer of a simulated process. */
class SimulatedInterval {
  readonly #stop: () => void

  constructor(process: SimulatedProcess, work: () => void, ms: number) {
    this.#stop = process.every(ms, work)
  }

  /** No history waits for an interval. */
  unref(): this {
    return this
  }

  stop(): void {
    this.#stop()
  }
}

function intervalOr(real: typeof setInterval): unknown {
  return (work: () => void, ms: number): unknown => {
    const process = current.getStore()
    return process === undefined ? real(work, ms) : new SimulatedInterval(process, work, ms)
  }
}

function clearOr(real: typeof clearInterval): unknown {
  return (timer: NodeJS.Timeout | SimulatedInterval | undefined): void => {
    if (timer instanceof SimulatedInterval) timer.stop()
    else real(timer)
  }
}
