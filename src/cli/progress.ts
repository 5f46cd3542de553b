import { formatBytes, formatCount, formatDuration } from './format-quantity.ts'
import type { OutputStream } from './terminal.ts'

export type ProgressState = (
  | {
      readonly bytes: number
      /** Unknown until someone has found out. */
      readonly totalBytes?: number | undefined
    }
  | { readonly entries: number; readonly totalEntries?: number | undefined }
) & {
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
    if (this.isShown) this.#draw(title)
  }

  update(state: ProgressState): void {
    const now = this.#clock()
    if (!this.isShown || now - this.#drawnMs < redrawMs) return
    this.#draw(progressLine(this.#title, state, now - this.#startedMs))
  }

  #draw(line: string): void {
    this.#drawnMs = this.#clock()
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
  const { done, total, format } = measureOf(state)
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0
  const parts = [
    ...(title === undefined ? [] : [title]),
    ...(total === undefined ? [format(done)] : measured(done, total, format)),
    `${format(rate)}/s`,
    ...(total === undefined || elapsedMs < steadyMs || rate === 0 || done >= total
      ? []
      : [`${formatDuration(((total - done) / rate) * 1000)} left`]),
    ...(state.detail === undefined ? [] : [state.detail]),
  ]
  return parts.join('  ')
}

interface Measure {
  readonly done: number
  readonly total: number | undefined
  readonly format: (amount: number) => string
}

function measureOf(state: ProgressState): Measure {
  if ('bytes' in state) return { done: state.bytes, total: state.totalBytes, format: formatBytes }
  const format = (entries: number): string => formatCount(Math.round(entries))
  return { done: state.entries, total: state.totalEntries, format }
}

function measured(done: number, total: number, format: Measure['format']): string[] {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.round(share * barWidth)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${Math.floor(share * 100)} %`
  return [bar, `${format(done)} of ${format(total)}`]
}

function cutTo(line: string, columns: number): string {
  return line.length <= columns ? line : line.slice(0, Math.max(0, columns))
}
