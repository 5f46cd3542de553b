import { setTimeout as sleep } from 'node:timers/promises'
import Bull, { type Job as BullJob, type Queue } from 'bull'
import type { JobKind } from './job-kinds.ts'
import type { LockOptions } from './queue-options.ts'
import type { RedisPlace } from './queue-url.ts'
import { settledWithin } from './settled-within.ts'

// The only importer of bull: whoever replaces it begins here.

/** What Bull keeps of a job beside what it knows itself. */
export interface LaneData {
  readonly details: unknown
  readonly by?: string
  /** The span that it was added in, as headers. */
  readonly trace?: Readonly<Record<string, string>>
}

export type LaneJob = BullJob<LaneData>
export type Lane = Queue<LaneData>

/** Jobs that need keys have a lane of their own: not every worker has those. */
export const laneNames = ['work', 'signing'] as const

export type LaneName = (typeof laneNames)[number]

export function laneOfKind(kind: JobKind): LaneName {
  return kind === 'refresh-timestamp' ? 'signing' : 'work'
}

export interface LaneOptions {
  readonly locks: LockOptions
  /** Workers wait until Redis is back; others have somebody who waits for them, and fail soon. */
  readonly isPatient: boolean
  /** Told of every failure of a connection, many times in an outage. */
  readonly onError: (error: Error) => void
}

/** Answers may be slow; a connection that says nothing for so long is dead. Longer than a worker waits for a job. */
const silenceMs = 20_000
const connectMs = 5000
const maxReconnectMs = 1000
const closeMs = 1000
const laterMs = 20

/** One Bull queue. It connects when it is used, and again whenever Redis is back. */
export function openLane(name: LaneName, place: RedisPlace, options: LaneOptions): Lane {
  const { host, port, db, username, password, tls, prefix } = place
  const { locks, isPatient, onError } = options
  const lane = new Bull<LaneData>(name, {
    prefix,
    redis: {
      host,
      port,
      db,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: { servername: host } }),
      connectTimeout: connectMs,
      socketTimeout: silenceMs,
      // What it says of itself delays "ready" past the end of a connection that is cut meanwhile, and is then believed for ever.
      disableClientInfo: true,
      maxRetriesPerRequest: isPatient ? null : 1,
      retryStrategy: (times) => Math.min(50 * times, maxReconnectMs),
    },
    settings: {
      lockDuration: locks.lockMs,
      // Bull gives up at its first failure to renew; BullWorker renews instead.
      lockRenewTime: 2 ** 30,
      stalledInterval: locks.stalledCheckMs,
      maxStalledCount: locks.maxStalls,
      guardInterval: 1000,
      retryProcessDelay: 500,
    },
  })
  lane.setMaxListeners(0)
  // Nobody reads these names, and nobody handles that they cannot be set.
  lane.setWorkerName = async () => Promise.resolve()
  lane.on('error', onError)
  return lane
}

/** What Bull has, and does not declare. */
interface LaneInside {
  paused: Promise<never> | null
  closing: Promise<void> | undefined
  readonly bclientInitialized?: boolean
  readonly bclient: { disconnect: () => void }
  _clearTimers: () => void
}

/** Takes no job any more. Bull's own way leaves rejections to nobody, and those may have the password in them. */
export async function stopTaking(lane: Lane): Promise<void> {
  const inside = lane as unknown as LaneInside
  inside.paused = new Promise(() => undefined)
  if (inside.bclientInitialized === true) inside.bclient.disconnect()
  // A job that was being taken meanwhile is here when Redis has answered what comes after it.
  await settledWithin(lane.client.ping(), closeMs)
  await sleep(laterMs)
}

/** Ends its connections, after what was sent to Redis, if that answers. */
export async function closeLane(lane: Lane): Promise<void> {
  const inside = lane as unknown as LaneInside
  inside.closing = Promise.resolve()
  inside._clearTimers()
  // Bull tells Redis how the last job ended only when its processor has.
  await sleep(laterMs)
  await settledWithin(lane.client.quit(), closeMs)
  for (const client of lane.clients) client.disconnect()
}
