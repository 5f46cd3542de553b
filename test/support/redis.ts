import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './server-program.ts'

/** The URL of a queue of one's own on the Redis of the tests, which is started if need be and left running. */
export async function makeQueueUrl(): Promise<string> {
  const url = process.env['VEND_TEST_REDIS_URL'] ?? (await startRedis())
  return `${url}?prefix=test-${randomBytes(8).toString('hex')}`
}

async function startRedis(): Promise<string> {
  const script = fileURLToPath(new URL('../../infra/test/start-redis', import.meta.url))
  const { stdout } = await promisify(execFile)(script, { timeout: 30_000 })
  return stdout.trim().slice('VEND_TEST_REDIS_URL='.length)
}

/** A Redis of one's own, to be killed: it forgets everything then. */
export class MortalRedis implements AsyncDisposable {
  readonly port: number
  readonly #directory = mkdtempSync(join(tmpdir(), 'vend-redis-'))
  readonly #options: readonly string[]
  #child: ReturnType<typeof spawn> | undefined

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
  }

  static async start(...options: readonly string[]): Promise<MortalRedis> {
    const redis = new MortalRedis(await freePort(), options)
    await redis.revive()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await ended
    this.#child = undefined
  }

  /** Starts it anew, empty. */
  async revive(): Promise<void> {
    const options = ['--save', '', '--appendonly', 'no', '--dir', this.#directory, ...this.#options]
    this.#child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(this.port), ...options], {
      stdio: 'ignore',
    })
    for (let tries = 0; !(await this.#answers()); tries++) {
      if (tries > 400) throw new Error('redis-server does not answer')
      await sleep(25)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1')
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    return isThere
  }
}
