import { formatBytes, formatDuration } from './format-quantity.ts'
import type { OutputStream } from './terminal.ts'

export interface ProgressState {
  readonly bytes: number
  /** Unknown until someone has found out. */
  readonly totalBytes?: number | undefined
  /** What else there is to say: `148 chunks uploaded`. */
  readonly detail?: string | undefined
}

const redrawMs = 100
const barWidth = 16
/** Before it, a rate says nothing of the time that is left. */
const steadyMs = 1000

/**
 * One line on a terminal that says how far the work is; nothing at all in a pipe. `note` writes a line above it.
 */
export class Progress implements Disposable {
  readonly #stream: OutputStream
  readonly #clock: () => number
  #startedMs: number
  #title: string | undefined
  #drawnMs = -Infinity
  #isDrawn = false

  constructor(stream: OutputStream, clock: () => number = () => performance.now()) {
    this.#stream = stream
    this.#clock = clock
    this.#startedMs = clock()
  }

  /** Whether anyone sees it: what costs something only for the bar's sake can be left out. */
  get isShown(): boolean {
    return this.#stream.isTTY === true
  }

  begin(title: string): void {
    this.#title = title
    this.#startedMs = this.#clock()
  }

  update(state: ProgressState): void {
    const now = this.#clock()
    if (!this.isShown || now - this.#drawnMs < redrawMs) return
    this.#drawnMs = now
    const line = progressLine(this.#title, state, now - this.#startedMs)
    const columns = this.#stream.columns ?? 0
    // A terminal that does not know its width says 0.
    this.#stream.write(`\r${cutTo(line, (columns > 0 ? columns : 80) - 1)}\u001B[K`)
    this.#isDrawn = true
  }

  note(text: string): void {
    this.clear()
    this.#stream.write(`${text}\n`)
  }

  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001B[K')
    this.#isDrawn = false
    this.#drawnMs = -Infinity
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}

/** `publishing [#####-----] 45 %  570 MB of 1.27 GB  161 MB/s  4.3 s left  148 chunks uploaded` */
export function progressLine(title: string | undefined, state: ProgressState, elapsedMs: number): string {
  const { bytes, totalBytes, detail } = state
  const rate = elapsedMs > 0 ? (bytes / elapsedMs) * 1000 : 0
  const parts = [
    ...(title === undefined ? [] : [title]),
    ...(totalBytes === undefined ? [formatBytes(bytes)] : measured(bytes, totalBytes)),
    `${formatBytes(rate)}/s`,
    ...(totalBytes === undefined || elapsedMs < steadyMs || rate === 0 || bytes >= totalBytes
      ? []
      : [`${formatDuration(((totalBytes - bytes) / rate) * 1000)} left`]),
    ...(detail === undefined ? [] : [detail]),
  ]
  return parts.join('  ')
}

function measured(bytes: number, totalBytes: number): string[] {
  const share = totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes)
  const filled = Math.round(share * barWidth)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${Math.floor(share * 100)} %`
  return [bar, `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`]
}

function cutTo(line: string, columns: number): string {
  return line.length <= columns ? line : line.slice(0, Math.max(0, columns))
}
