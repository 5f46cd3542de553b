import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface CrowdOrder {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly size: number
  /** Whether each connects for its request; else each has a connection open from before, and keeps it. */
  readonly anew: boolean
}

export interface CrowdAnswer {
  /** From before the request was written, or the connection was begun, until all of the answer was read. */
  readonly ms: number
  readonly status: number
  /** Of a problem document. */
  readonly code: string | undefined
}

export interface CrowdAnswers {
  readonly answers: readonly CrowdAnswer[]
  /** From the first request to the last answer. */
  readonly ms: number
}

/** Clients that ask one server for the same at once, in a process of their own. */
export class Crowd implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #url: URL
  readonly #size: number

  constructor(url: string, size: number) {
    this.#url = new URL(url)
    this.#size = size
    this.#process = fork(join(import.meta.dirname, 'crowd-process.ts'))
  }

  async ask(path: string, { anew = false } = {}): Promise<CrowdAnswers> {
    const { hostname: host, port } = this.#url
    const order: CrowdOrder = { host, port: Number(port), path, size: this.#size, anew }
    this.#process.send(order)
    const ended = once(this.#process, 'exit').then(() => {
      throw new Error('the crowd ended before it had its answers')
    })
    ended.catch(() => undefined)
    const [answers] = (await Promise.race([once(this.#process, 'message'), ended])) as [CrowdAnswers]
    return answers
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    this.#process.disconnect()
    await once(this.#process, 'exit')
  }
}
