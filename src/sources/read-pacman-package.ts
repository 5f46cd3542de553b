import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { Mtime, SourceEntry, SourceFileEntry } from '../../manifests/entry.ts'
import { byteStringFromText, rootPath } from '../../manifests/tree-path.ts'
import { archiveBytes, type OpenOptions } from './archive-bytes.ts'
import { mtreeProblem, type SeenMember } from './check-mtree.ts'
import { SourceError, type SourceErrorCode } from './errors.ts'
import { FileDigest, maxDigestedHoles } from './file-digest.ts'
import { parseMtree } from './mtree.ts'
import { identityOf, parsePacmanInfo, type PacmanIdentity, type PacmanInfo } from './pacman-info.ts'
import type { SourceNotes } from './source-notes.ts'
import { readTar, type TarMember } from './tar-reader.ts'

/** One package, once its tree is read. */
export interface PacmanPackage extends PacmanIdentity {
  readonly file: string
  readonly info: PacmanInfo
  /** Of its tree, as pacman lists them: directories end with a slash; one character a byte. */
  readonly paths: readonly string[]
  /** In hexadecimal digits, of the files in `backup`. */
  readonly md5: ReadonlyMap<string, string>
  readonly mtree: Buffer | undefined
  readonly install: Buffer | undefined
  readonly changelog: Buffer | undefined
  /** Of those three, by their names in the package. */
  readonly mtimes: ReadonlyMap<string, Mtime>
}

/** Takes an entry of the package's tree, and reads all of its content. */
export type TakeEntry = (entry: SourceEntry, content: AsyncIterable<Uint8Array>) => Promise<void>

const maxInfoBytes = 64 << 20
const maxMtreeBytes = 64 << 20

/**
 * Reads a package made by makepkg: `take` is given each entry of its tree, and afterwards what is about it is
 * returned. Throws SourceError also when .PKGINFO is missing, and when anything is not as .MTREE says, which is found
 * at the end: what was taken is then to be thrown away.
 */
export async function readPacmanPackage(
  file: string,
  take: TakeEntry,
  notes: SourceNotes,
  options: OpenOptions = {},
): Promise<PacmanPackage> {
  const reader = new PackageReader(file, take)
  const onLost = (path: string, what: string): void => notes.add(path, what)
  for await (const member of readTar(archiveBytes(file, options), { source: file, onLost })) {
    await reader.add(member)
  }
  return reader.finish()
}

class PackageReader {
  readonly #file: string
  readonly #take: TakeEntry
  readonly #about = new Map<string, Buffer>()
  readonly #seen = new Map<string, SeenMember>()
  readonly #paths: string[] = []
  readonly #md5 = new Map<string, string>()
  readonly #mtimes = new Map<string, Mtime>()
  #backup: ReadonlySet<string> | undefined

  constructor(file: string, take: TakeEntry) {
    this.#file = file
    this.#take = take
  }

  async add({ entry, content }: TarMember): Promise<void> {
    if (this.#seen.has(entry.path) && entry.type !== 'directory') {
      throw this.#error('SOURCE_CONFLICT', entry.path, 'comes twice in the package; build it again')
    }
    // What begins with a dot at the top is about the package, for pacman too.
    if (entry.path.startsWith('.')) await this.#addAbout(entry, content)
    else await this.#addToTree(entry, content)
  }

  finish(): PacmanPackage {
    const info = this.#info()
    this.#checkMtree()
    return {
      file: this.#file,
      ...this.#attempt('.PKGINFO', () => identityOf(info)),
      info,
      paths: this.#paths,
      md5: this.#md5,
      mtree: this.#about.get('.MTREE'),
      install: this.#about.get('.INSTALL'),
      changelog: this.#about.get('.CHANGELOG'),
      mtimes: this.#mtimes,
    }
  }

  async #addAbout(entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (entry.type !== 'file' || entry.path.includes('/')) {
      const problem = 'is no file, but begins with a dot at the top of a package'
      throw this.#error('SOURCE_REFUSED', entry.path, problem)
    }
    if (entry.size > maxInfoBytes) {
      throw this.#error(
        'SOURCE_TOO_LARGE',
        entry.path,
        `has ${entry.size} bytes; the limit is ${maxInfoBytes}`,
      )
    }
    const pieces: Uint8Array[] = []
    for await (const piece of content) pieces.push(Uint8Array.from(piece))
    const bytes = Buffer.concat(pieces)
    this.#about.set(entry.path, bytes)
    this.#mtimes.set(entry.path, entry.mtime)
    this.#seen.set(entry.path, { entry, sha256: createHash('sha256').update(bytes).digest('hex') })
    if (entry.path === '.PKGINFO') {
      this.#backup = new Set((this.#info().get('backup') ?? []).map(byteStringFromText))
    }
  }

  async #addToTree(entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (entry.type === 'file') await this.#addFile(entry, content)
    else {
      await this.#take(entry, content)
      this.#seen.set(entry.path, { entry })
    }
    if (entry.path !== rootPath) this.#paths.push(entry.type === 'directory' ? `${entry.path}/` : entry.path)
  }

  async #addFile(entry: SourceFileEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    const holes = (entry.sparse?.size ?? entry.size) - entry.size
    if (holes > maxDigestedHoles) {
      const problem = `has ${holes} bytes of holes; the limit in a package is ${maxDigestedHoles}`
      throw this.#error('SOURCE_TOO_LARGE', entry.path, problem)
    }
    const sha256 = new FileDigest('sha256', entry)
    // Which files pacman is to keep changes of is known only once .PKGINFO came by.
    const md5 = (this.#backup?.has(entry.path) ?? true) ? new FileDigest('md5', entry) : undefined
    await this.#take(entry, digested(content, [sha256, ...(md5 === undefined ? [] : [md5])]))
    this.#seen.set(entry.path, { entry, sha256: sha256.finish() })
    if (md5 !== undefined) this.#md5.set(entry.path, md5.finish())
  }

  #info(): PacmanInfo {
    const bytes = this.#about.get('.PKGINFO')
    if (bytes !== undefined) return this.#attempt('.PKGINFO', () => parsePacmanInfo(bytes.toString('utf8')))
    const problem = 'has no .PKGINFO: it is no package, or not one of pacman'
    throw new SourceError('SOURCE_DAMAGED', { source: this.#file }, problem)
  }

  #checkMtree(): void {
    const packed = this.#about.get('.MTREE')
    if (packed === undefined) return
    const mtree = this.#attempt('.MTREE', () => {
      const plain = gunzipSync(packed, { maxOutputLength: maxMtreeBytes })
      return parseMtree(plain.toString('latin1'))
    })
    const wrong = mtreeProblem(mtree, this.#seen)
    if (wrong !== undefined) throw this.#error('SOURCE_DAMAGED', wrong.path, wrong.problem)
  }

  #attempt<R>(member: string, action: () => R): R {
    try {
      return action()
    } catch (error) {
      const problem = `cannot be read: ${(error as Error).message}`
      throw this.#error('SOURCE_DAMAGED', member, problem, error)
    }
  }

  #error(code: SourceErrorCode, member: string, problem: string, cause?: unknown): SourceError {
    return new SourceError(code, { source: this.#file, member }, problem, cause)
  }
}

async function* digested(
  content: AsyncIterable<Uint8Array>,
  digests: readonly FileDigest[],
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of content) {
    for (const digest of digests) digest.update(piece)
    yield piece
  }
}
