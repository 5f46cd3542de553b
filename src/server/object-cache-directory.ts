import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { BlobInfo } from '../../storage/blob-store.ts'

export interface DirectoryTierOptions {
  readonly directory: string
  /** Of all files together; several processes may go over it by a sixteenth each. */
  readonly maxBytes: number
  /** Told apart from other stores in the same directory by it. */
  readonly storeName: string
  /** A cache that cannot be written is none, and harms nobody. */
  readonly onFailure: (error: unknown) => void
}

export interface StoredObject {
  readonly info: BlobInfo
  readonly bytes: Uint8Array
  /** When the store was last known to have the same, by the file's own time. */
  readonly checkedAt: Date
}

/** The first line of a file; the object follows. */
interface Head {
  readonly key: string
  readonly bytes: number
  readonly etag: string
  readonly modified: number
  readonly crc32: number
}

interface Found {
  readonly path: string
  readonly bytes: number
  readonly usedMs: number
  /** Somebody writes it at present. */
  readonly isTemporary: boolean
}

const suffix = '.object'
const temporarySuffix = '.tmp'
/** A writer that takes longer is dead. */
const abandonedMs = 10 * 60_000
const maxWrites = 4
/** So that those of a process that are being written are a sixteenth at most. */
const maxShare = 1 / (16 * maxWrites)

/**
 * Objects as files, for any number of processes. A file appears under its name whole (written beside it, then renamed),
 * nothing is synced: after a power cut a file may hold other bytes, which its checksum tells.
 */
export class DirectoryTier {
  readonly #options: DirectoryTierOptions
  #writes = 0
  /** That others and we wrote, as of the last look, and we since. */
  #held = Infinity
  #sweeping: Promise<void> | undefined

  constructor(options: DirectoryTierOptions) {
    this.#options = options
  }

  /** Undefined when there is none, or its file is damaged. */
  async read(key: string): Promise<StoredObject | undefined> {
    const path = this.#path(key)
    try {
      const [content, { mtime }] = await Promise.all([readFile(path), stat(path)])
      const stored = parse(key, content)
      if (stored === undefined) await rm(path, { force: true })
      return stored && { ...stored, checkedAt: mtime }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#options.onFailure(error)
      return undefined
    }
  }

  /** The store has the same. */
  async confirm(key: string, now: Date): Promise<void> {
    await utimes(this.#path(key), now, now).catch(() => undefined)
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true }).catch(() => undefined)
  }

  /** Does nothing while several others are being written: what is asked for again will be kept then. */
  async write(key: string, info: BlobInfo, bytes: Uint8Array): Promise<void> {
    if (this.#writes >= maxWrites || bytes.length > this.#options.maxBytes * maxShare) return
    this.#writes += 1
    try {
      await this.#write(this.#path(key), info, bytes)
      this.#held += bytes.length
      if (this.#held > this.#options.maxBytes) await (this.#sweeping ??= this.#sweep())
    } catch (error) {
      this.#options.onFailure(error)
    } finally {
      this.#writes -= 1
    }
  }

  async #write(path: string, info: BlobInfo, bytes: Uint8Array): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString('hex')}${temporarySuffix}`
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
    try {
      const file = await open(temporary, 'wx', 0o600)
      try {
        await file.writev([Buffer.from(headOf(info, bytes)), bytes])
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** Removes the files that were of no use for longest until a sixteenth is free, and what dead writers left. */
  async #sweep(): Promise<void> {
    try {
      const files = await this.#files()
      const limit = this.#options.maxBytes * (15 / 16)
      let held = files.reduce((sum, { bytes }) => sum + bytes, 0)
      for (const { path, bytes, isTemporary } of files.sort((a, b) => a.usedMs - b.usedMs)) {
        if (held <= limit) break
        if (isTemporary) continue
        await rm(path, { force: true })
        held -= bytes
      }
      // What the other processes write until the next look is not seen: look the sooner, the more is free.
      this.#held = held + (this.#options.maxBytes - held) * (15 / 16)
    } finally {
      this.#sweeping = undefined
    }
  }

  async #files(): Promise<Found[]> {
    const found: Found[] = []
    for (const entry of await readdir(this.#options.directory, { recursive: true, withFileTypes: true })) {
      const isTemporary = entry.name.endsWith(temporarySuffix)
      if (!entry.isFile() || (!isTemporary && !entry.name.endsWith(suffix))) continue
      const path = join(entry.parentPath, entry.name)
      const info = await stat(path).catch(() => undefined)
      if (info === undefined) continue
      const isAbandoned = isTemporary && Date.now() - info.mtimeMs > abandonedMs
      if (isAbandoned) await rm(path, { force: true })
      else found.push({ path, bytes: info.size, usedMs: info.mtimeMs, isTemporary })
    }
    return found
  }

  #path(key: string): string {
    const name = hash('sha256', `${this.#options.storeName}\0${key}`)
    return join(this.#options.directory, name.slice(0, 2), name.slice(2) + suffix)
  }
}

function headOf({ key, bytes, etag, modified }: BlobInfo, content: Uint8Array): string {
  const head: Head = { key, bytes, etag, modified: modified.getTime(), crc32: crc32(content) }
  return `${JSON.stringify(head)}\n`
}

function parse(key: string, content: Buffer): Omit<StoredObject, 'checkedAt'> | undefined {
  const end = content.indexOf(0x0a)
  const head = parseHead(content.subarray(0, Math.max(0, end)).toString())
  // A buffer of its own, which is all that is held with it.
  const bytes = content.subarray(end + 1)
  const isRight = head?.key === key && head.bytes === bytes.length && head.crc32 === crc32(bytes)
  if (!isRight) return undefined
  return { info: { key, bytes: head.bytes, etag: head.etag, modified: new Date(head.modified) }, bytes }
}

function parseHead(line: string): Head | undefined {
  try {
    return JSON.parse(line) as Head
  } catch {
    return undefined
  }
}
