import { open } from 'node:fs/promises'

const shownLines = 20
const shownBytes = 16_384

/** The last lines of a log, without what a terminal or a message would take for commands. */
export async function endOfLog(path: string): Promise<string[]> {
  await using file = await open(path)
  const { size } = await file.stat()
  const length = Math.min(size, shownBytes)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
  // oxlint-disable-next-line no-control-regex -- these are what is taken out
  const text = buffer.toString('utf8', 0, bytesRead).replaceAll(/\u001B\[[0-9;]*[A-Za-z]|[^\P{Cc}\n\t]/gu, '')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-shownLines)
}
