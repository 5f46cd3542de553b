import { MachineError, type MachineErrorCode } from './errors.ts'
import type { Mirror } from './mirror.ts'

/** A mirror that is asked no more in this run. */
export interface LeftMirror {
  readonly url: string
  readonly code: string
  readonly reason: string
}

export interface MirrorReport {
  /** The base URL that was asked last. */
  readonly used: string
  /** How many there are. */
  readonly count: number
  /** In the order in which they were left. */
  readonly left: readonly LeftMirror[]
}

/** When mirrors fail in different ways, the first of these is the one to speak of. */
const gravest: readonly MachineErrorCode[] = [
  'UNTRUSTED',
  'METADATA_STALE',
  'OBJECT_CORRUPT',
  'OBJECT_MISSING',
]

const faults: ReadonlySet<MachineErrorCode> = new Set([
  ...gravest,
  'SERVER_UNREACHABLE',
  'SERVER_REFUSED',
  'SERVER_CERTIFICATE_INVALID',
  'CLIENT_CERTIFICATE_REFUSED',
  'PROXY_REFUSED',
])

/** Whether another mirror might do better. */
export function isMirrorsFault({ code }: MachineError): boolean {
  return faults.has(code)
}

/** Servers in the order of preference, of which one is asked until it fails. None is trusted more than another. */
export class Mirrors {
  readonly #all: readonly Mirror[]
  readonly #onLeft: (left: LeftMirror, next: string) => void
  readonly #left: { readonly mirror: LeftMirror; readonly error: MachineError | undefined }[] = []

  constructor(all: readonly Mirror[], onLeft: (left: LeftMirror, next: string) => void = () => undefined) {
    this.#all = all
    this.#onLeft = onLeft
  }

  get current(): Mirror {
    return this.#all[this.#left.length] as Mirror
  }

  /** Those after the current one. */
  get others(): readonly Mirror[] {
    return this.#all.slice(this.#left.length + 1)
  }

  get report(): MirrorReport {
    return {
      used: this.current.baseUrl,
      count: this.#all.length,
      left: this.#left.map(({ mirror }) => mirror),
    }
  }

  /** Gives up a mirror that failed. False: it is the last one, and stays the one to ask. */
  leave(mirror: Mirror, error: Error): boolean {
    if (mirror !== this.current) return true
    const next = this.others[0]
    if (next === undefined) return false
    const left = { url: mirror.baseUrl, code: codeOf(error), reason: error.message }
    this.#left.push({ mirror: left, error: error instanceof MachineError ? error : undefined })
    this.#onLeft(left, next.baseUrl)
    return true
  }

  /** What to throw when the last one failed, too. */
  failure(last: MachineError): MachineError {
    if (this.#left.length === 0) return last
    const errors = [...this.#left.flatMap(({ error }) => error ?? []), last]
    const told = gravest.flatMap((code) => errors.find((error) => error.code === code) ?? [])[0] ?? last
    const reasons = [...this.#left.map(({ mirror }) => mirror.reason), last.message]
    const list = reasons.map((reason, i) => `\n  ${this.#all[i]?.baseUrl}: ${reason}`)
    return new MachineError(told.code, `no mirror is left to ask:${list.join('')}`, {
      hint: told.hint,
      cause: last,
    })
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'UNFORESEEN'
}
