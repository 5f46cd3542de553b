import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Channel } from '../../manifests/channel.ts'
import { fractionAt, wholeFleet } from '../../manifests/rollout.ts'
import { decide } from '../../src/client/decide.ts'
import { openRolloutHash } from '../../src/client/rollout-bucket.ts'
import { nextChannel, type ChannelChange } from '../../src/repository/next-channel.ts'

const machines = 1_000_000
const hourMs = 3_600_000
const begin = Date.parse('2026-01-31T00:00:00Z')

/** Ids as random as those of machines, and the same in every run. */
function* fleet(): Generator<string, void, undefined> {
  for (let i = 0; i < machines; i += 2) {
    const digest = createHash('sha256').update(`fleet/${i}`).digest('hex')
    yield digest.slice(0, 32)
    yield digest.slice(32)
  }
}

/** A million machines that follow one channel, and all ask whenever they are told to. */
class Fleet {
  readonly #installed = new Uint8Array(machines).fill(9)
  readonly #buckets = new Map<string, Uint16Array>()
  readonly #hash: Awaited<ReturnType<typeof openRolloutHash>>

  private constructor(hash: Awaited<ReturnType<typeof openRolloutHash>>) {
    this.#hash = hash
  }

  static async create(): Promise<Fleet> {
    return new Fleet(await openRolloutHash())
  }

  /** Everyone asks and obeys; gives how many went up, and how many down. */
  ask(channel: Channel, now: Date): { readonly up: number; readonly down: number } {
    const buckets = this.#bucketsOf(channel.rollout.seed)
    let [up, down] = [0, 0]
    for (let i = 0; i < machines; i++) {
      const installed = this.#installed[i] ?? 0
      const { version = 0 } = decide(channel, { installed, bucket: buckets[i] ?? 0, now })
      if (version === installed) continue
      if (version > installed) up++
      else down++
      this.#installed[i] = version
    }
    return { up, down }
  }

  count(version: number): number {
    return this.#installed.reduce((sum, one) => sum + Number(one === version), 0)
  }

  snapshot(): Uint8Array {
    return this.#installed.slice()
  }

  #bucketsOf(seed: string): Uint16Array {
    const known = this.#buckets.get(seed)
    if (known !== undefined) return known
    const buckets = new Uint16Array(machines)
    let i = 0
    for (const id of fleet()) buckets[i++] = this.#hash(seed, id)
    this.#buckets.set(seed, buckets)
    return buckets
  }
}

function timeOf(hours: number): Date {
  return new Date(begin + hours * hourMs)
}

function change(current: Channel | undefined, hours: number, what: Omit<ChannelChange, 'channel'>): Channel {
  return nextChannel({ channel: 'stable', ...what }, current, timeOf(hours))
}

function shareOf(channel: Channel, hours: number): number {
  return fractionAt(channel.rollout, timeOf(hours)) / wholeFleet
}

/**
 * Which machines take part is drawn, by a hash: of a million, 0.05 % more or fewer than half are one standard deviation.
 * This is what is held at the steps of a curve, for the fleet and the releases that are simulated here.
 */
const tolerance = 0.001

/**
 * What a whole fair draw keeps to, at every one of 10,000 fractions at once, in 999 of 1000 cases (the distribution of
 * Kolmogorov's statistic).
 */
const fairDraw = 1.95 / Math.sqrt(machines)

test('a million machines follow a curve, and go up once', async () => {
  const all = await Fleet.create()
  const nine = change(undefined, -1, { version: 9 })
  const curve = { now: 100, to: wholeFleet, seconds: 48 * 3600 }
  const channel = change(nine, 0, { version: 10, rollout: curve })
  const shares: string[] = []
  let moved = 0
  for (let hours = -1; hours <= 49; hours += 5) {
    const { up, down } = all.ask(channel, timeOf(hours))
    expect(down).toBe(0)
    moved += up
    const [share, said] = [moved / machines, shareOf(channel, hours)]
    shares.push(`${hours} h: ${(100 * share).toFixed(3)} % of ${(100 * said).toFixed(2)} %`)
    expect(Math.abs(share - said), shares.at(-1)).toBeLessThanOrEqual(tolerance)
    expect(all.count(10)).toBe(moved)
  }
  expect(moved).toBe(machines)
})

test('a halt, a wider rollout and a rollback move whom they say, and nobody twice', async () => {
  const all = await Fleet.create()
  const nine = change(undefined, -1, { version: 9 })
  let channel = change(nine, 0, { version: 10, rollout: { now: 100, to: 1000, seconds: 10 * 3600 } })
  const ask = (hours: number): { up: number; down: number; share: number } => {
    const moves = all.ask(channel, timeOf(hours))
    return { ...moves, share: all.count(10) / machines }
  }
  expect(Math.abs(ask(5).share - 0.055)).toBeLessThanOrEqual(tolerance)

  channel = change(channel, 5, { halted: true })
  expect(ask(9)).toMatchObject({ up: 0, down: 0 })
  channel = change(channel, 20, { halted: false })
  expect(ask(20)).toMatchObject({ up: 0, down: 0 })
  expect(Math.abs(ask(25).share - 0.1)).toBeLessThanOrEqual(tolerance)

  // Slower by a curve of its own, then for more at once: who is in, stays in.
  let before = all.snapshot()
  for (const [hours, rollout] of [
    [26, { now: 2000 }],
    [27, { to: 5000, seconds: 3600 }],
    [27.5, { now: 3500, to: 3600, seconds: 36_000 }],
    [30, { now: 4000 }],
  ] as const) {
    channel = change(channel, hours, { rollout })
    const { down, share } = ask(hours)
    expect(down).toBe(0)
    expect(Math.abs(share - shareOf(channel, hours))).toBeLessThanOrEqual(tolerance)
    const after = all.snapshot()
    expect(before.every((version, i) => version <= (after[i] ?? 0))).toBe(true)
    before = after
  }

  const canaries = all.count(10)
  channel = { ...nine, rollback: { from: 10, reason: 'smoke' } }
  expect(all.ask(channel, timeOf(31))).toEqual({ up: 0, down: canaries })
  expect(all.count(9)).toBe(machines)
  expect(all.ask(channel, timeOf(32))).toEqual({ up: 0, down: 0 })
})

test('a million machines are spread over all buckets as evenly as by chance, whatever the seed', async () => {
  const hash = await openRolloutHash()
  const ids = [...fleet()]
  for (const seed of ['10', '11', '12', '', 'größe']) {
    const counts = new Uint32Array(wholeFleet)
    for (const id of ids) {
      const bucket = hash(seed, id)
      counts[bucket] = (counts[bucket] ?? 0) + 1
    }
    let sum = 0
    let farthest = 0
    for (const [bucket, count] of counts.entries()) {
      sum += count
      farthest = Math.max(farthest, Math.abs(sum / machines - (bucket + 1) / wholeFleet))
    }
    expect(farthest, seed).toBeLessThan(fairDraw)
  }
})

test('the machines that are first are others with every release', async () => {
  const all = await Fleet.create()
  let channel = change(undefined, -1, { version: 9 })
  let both: boolean[] | undefined
  for (const version of [10, 11]) {
    channel = change(channel, 0, { version, rollout: { now: 1000 } })
    all.ask(channel, timeOf(0))
    const chosen = Array.from(all.snapshot(), (installed) => installed === version)
    both = both?.map((one, i) => one && chosen[i] === true) ?? chosen
  }
  const share = (both ?? []).filter(Boolean).length / machines
  expect(Math.abs(share - 0.01)).toBeLessThanOrEqual(tolerance)
})
