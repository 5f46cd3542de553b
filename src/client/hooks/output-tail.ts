/** The end of what a program says, however much it says. */
export class OutputTail {
  readonly #most: number
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes > 4 * this.#most) this.#shorten()
  }

  /** The last lines, without what would move a terminal's cursor or change its colours. */
  text(lines: number): string {
    this.#shorten()
    const text = Buffer.concat(this.#pieces).toString('utf8').replaceAll('\r\n', '\n')
    // eslint-disable-next-line no-control-regex -- these are what is meant
    const plain = text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD')
    return plain.trimEnd().split('\n').slice(-lines).join('\n')
  }

  #shorten(): void {
    const all = Buffer.concat(this.#pieces)
    // A copy: the rest of what the program said may go.
    const end = Buffer.from(all.subarray(Math.max(0, all.length - this.#most)))
    this.#pieces = [end]
    this.#bytes = end.length
  }
}
