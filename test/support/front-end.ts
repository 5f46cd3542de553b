import { once } from 'node:events'
import { outcomeOf, startVend, type Outcome } from '../src/cli/vend-process.ts'

/** `vend serve` as a process, on a free port of 127.0.0.1. */
export class FrontEnd implements AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string
  readonly #child: ReturnType<typeof startVend>
  readonly #outcome: Promise<Outcome>
  readonly #log: string[]

  private constructor(
    url: string,
    process: { child: ReturnType<typeof startVend>; outcome: Promise<Outcome>; log: string[] },
  ) {
    this.url = url
    this.#child = process.child
    this.#outcome = process.outcome
    this.#log = process.log
  }

  /** `env` are its settings; nothing else of this process's environment reaches it but PATH. */
  static async start(cwd: string, env: Readonly<Record<string, string>>): Promise<FrontEnd> {
    const child = startVend(['serve', '--listen', '0'], { cwd, env })
    const outcome = outcomeOf(child)
    const log: string[] = []
    child.stderr.on('data', (text: string) => log.push(text))
    for (;;) {
      await Promise.race([
        once(child.stderr, 'data'),
        outcome.then(({ stderr }) => Promise.reject(new Error(`vend serve ended: ${stderr}`))),
      ])
      const url = /vend: serving .* on (http:\S+)/.exec(log.join(''))?.[1]
      if (url !== undefined) return new FrontEnd(url, { child, outcome, log })
    }
  }

  get host(): string {
    return new URL(this.url).host
  }

  /** The requests so far, as it logged them. */
  requests(): readonly { readonly path: string; readonly status: number; readonly remote: string }[] {
    return this.#log
      .join('')
      .split('\n')
      .filter((line) => line.includes('"path"'))
      .map((line) => JSON.parse(line) as { path: string; status: number; remote: string })
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#outcome
  }
}
