import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import { BaseFetcher, Updater, type TargetFile } from 'tuf-js'
import { DownloadHTTPError, ExpiredMetadataError, PersistError } from 'tuf-js/dist/error.js'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { channelTargetPath, decodeChannel, type Channel } from '../../manifests/channel.ts'
import { digestOf } from '../../manifests/digest.ts'
import { decodeRelease, releaseTargetPath, type Release } from '../../manifests/release.ts'
import { twinKeyIds } from '../trust/public-key.ts'
import { MachineError } from './errors.ts'
import { findNewer } from './find-newer.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { Mirror } from './mirror.ts'
import { readIfThere } from './read-if-there.ts'
import { keepSeenHead } from './seen-heads.ts'
import { writeDurably } from './write-durably.ts'

const metadataBase = 'tuf/metadata'
const targetsBase = 'tuf/targets'
const maxDocumentBytes = 1 << 20
/** Whoever has the online keys declares how long metadata is; a list of 50,000 releases has as much. */
const maxMetadataBytes = 16 << 20

/**
 * The signed part of a repository, as a machine sees it: every answer went through the client workflow of the TUF
 * specification (§5), against the root that the machine trusts.
 */
export class TrustedRepository {
  readonly #updater: Updater
  readonly #metadata: MetadataFetcher
  readonly #fetcher: HttpFetcher
  readonly #trustDirectory: string

  private constructor(
    updater: Updater,
    metadata: MetadataFetcher,
    fetcher: HttpFetcher,
    trustDirectory: string,
  ) {
    this.#updater = updater
    this.#metadata = metadata
    this.#fetcher = fetcher
    this.#trustDirectory = trustDirectory
  }

  /**
   * Fetches what is new and keeps it in `trustDirectory`. The work is done on a copy: an interrupted run must not
   * leave the machine with half a root. Throws a MachineError (UNTRUSTED, METADATA_STALE, SERVER_…).
   */
  static async refresh(
    trustDirectory: string,
    fetcher: HttpFetcher,
    signal?: AbortSignal,
  ): Promise<TrustedRepository> {
    const refreshFrom = async (mirror: Mirror): Promise<TrustedRepository> =>
      TrustedRepository.#refreshFrom(mirror, trustDirectory, fetcher, signal)
    const repository = await fetcher.overMirrors(refreshFrom)
    const newer = await findNewer(trustDirectory, fetcher, refreshFrom)
    return newer ?? repository
  }

  static async #refreshFrom(
    mirror: Mirror,
    trustDirectory: string,
    fetcher: HttpFetcher,
    signal: AbortSignal | undefined,
  ): Promise<TrustedRepository> {
    const directory = mkdtempSync(join(tmpdir(), 'vend-trust-'))
    try {
      for (const name of metadataFiles(trustDirectory)) {
        copyFileSync(join(trustDirectory, name), join(directory, name))
      }
      const metadata = new MetadataFetcher(fetcher, mirror, signal)
      const updater = openUpdater({
        metadataDir: directory,
        metadataBaseUrl: mirror.url(metadataBase),
        fetcher: metadata,
        config: { maxRootRotations: 256 },
      })
      await metadata.trusted(() => updater.refresh())
      // Delegated roles are fetched when first asked for; asking here keeps them beside the rest.
      await metadata.trusted(() => updater.getTargetInfo(channelTargetPath('-')))
      await metadata.trusted(() => updater.getTargetInfo(releaseTargetPath(0)))
      keepSeenHead(directory, trustDirectory)
      keep(directory, trustDirectory)
      return new TrustedRepository(updater, metadata, fetcher, trustDirectory)
    } catch (error) {
      // A root that verified is believed whatever follows (TUF §5.3.8): a key that it revokes stays revoked.
      keepFile('root.json', directory, trustDirectory)
      throw error
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  /** Undefined when the repository has no such channel. */
  async channel(name: string, signal?: AbortSignal): Promise<Channel | undefined> {
    const bytes = await this.#target(channelTargetPath(name), signal)
    const channel = bytes === undefined ? undefined : decodeChannel(bytes)
    if (channel === undefined || channel.channel === name) return channel
    throw otherDocument(`channel "${name}"`, `channel "${channel.channel}"`)
  }

  /**
   * Undefined when the repository has no such release. `passing`: the machine is not to go there, so that the document
   * need not be kept.
   */
  async release(
    version: number,
    signal?: AbortSignal,
    { passing = false }: { readonly passing?: boolean } = {},
  ): Promise<Release | undefined> {
    const bytes = await this.#target(releaseTargetPath(version), signal, passing)
    const release = bytes === undefined ? undefined : decodeRelease(bytes)
    if (release === undefined || release.version === version) return release
    throw otherDocument(`release ${version}`, `release ${release.version}`)
  }

  /** The versions of all releases, ascending, from what was fetched to verify them. Asks nobody. */
  versions(): readonly number[] {
    const bytes = readIfThere(join(this.#trustDirectory, 'releases.json'))
    const role = JSON.parse(bytes?.toString('utf8') ?? '{}') as { signed?: { targets?: object } }
    return Object.keys(role.signed?.targets ?? {})
      .flatMap((path) => Number(/^releases\/([1-9]\d*)\.json$/.exec(path)?.[1] ?? []))
      .sort((a, b) => a - b)
  }

  async #target(path: string, signal: AbortSignal | undefined, passing = false): Promise<Buffer | undefined> {
    const target = await this.#metadata.trusted(() => this.#updater.getTargetInfo(path))
    return target === undefined ? undefined : this.#document(target, signal, passing)
  }

  /** From the machine when it is the one that was read last: a machine that asks for news has it most of the time. */
  async #document(target: TargetFile, signal: AbortSignal | undefined, passing: boolean): Promise<Buffer> {
    const kept = join(this.#trustDirectory, `last-${target.path.slice(0, target.path.indexOf('/'))}`)
    const known = readIfThere(kept)
    if (known !== undefined && isSigned(known, target)) return known
    const carried = carriedDocument(target)
    if (carried !== undefined) return carried
    const bytes = await this.#fetchDocument(target, signal)
    if (!passing) writeDurably(kept, bytes)
    return bytes
  }

  async #fetchDocument(target: TargetFile, signal: AbortSignal | undefined): Promise<Buffer> {
    const slash = target.path.lastIndexOf('/') + 1
    const name = `${target.hashes['sha256'] ?? ''}.${target.path.slice(slash)}`
    const path = `${targetsBase}/${target.path.slice(0, slash)}${name}`
    const options = { maxBytes: Math.min(target.length, maxDocumentBytes), signal }
    const bytes = await this.#fetcher.fetchChecked(path, options, (found) => {
      if (isSigned(found, target)) return found
      throw new MachineError('UNTRUSTED', `${path} is not the document that was signed`)
    })
    if (bytes !== undefined) return bytes
    throw new MachineError('OBJECT_MISSING', `the repository lacks its own ${path}`)
  }
}

function otherDocument(wanted: string, found: string): MachineError {
  return new MachineError('UNTRUSTED', `what was signed as ${wanted} says that it is ${found}`, {
    hint: 'tell whoever publishes the repository',
  })
}

/** The document, if the metadata itself carries it and it is the one that was signed. */
function carriedDocument(target: TargetFile): Buffer | undefined {
  const { document } = target.custom
  if (document === undefined) return undefined
  try {
    const bytes = Buffer.from(canonicalJson(document as JsonValue))
    return isSigned(bytes, target) ? bytes : undefined
  } catch {
    // No document has what canonical JSON cannot say.
    return undefined
  }
}

function isSigned(bytes: Buffer, target: TargetFile): boolean {
  return bytes.length === target.length && digestOf(bytes) === `sha256:${target.hashes['sha256'] ?? ''}`
}

/** Throws MACHINE_INVALID when the root that the machine trusts is no root. */
function openUpdater(options: ConstructorParameters<typeof Updater>[0]): Updater {
  try {
    return new Updater(options)
  } catch (cause) {
    throw new MachineError(
      'MACHINE_INVALID',
      `the root that this machine trusts is damaged: ${(cause as Error).message}`,
      {
        hint: 'put the repository\'s root.json, from a source you trust, into "trust" in the machine\'s directory',
        cause,
      },
    )
  }
}

/** The newest root lies under the name tuf-js gives it; files that it did not write are not its own. */
function metadataFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.json'))
}

/** Keeps what changed, the root first: all else is checked against it. */
function keep(from: string, to: string): void {
  const names = metadataFiles(from).sort((a, b) => Number(b === 'root.json') - Number(a === 'root.json'))
  for (const name of names) keepFile(name, from, to)
}

function keepFile(name: string, from: string, to: string): void {
  const bytes = readIfThere(join(from, name))
  if (bytes === undefined || readIfThere(join(to, name))?.equals(bytes) === true) return
  writeDurably(join(to, name), bytes)
}

class MetadataFetcher extends BaseFetcher {
  readonly #fetcher: HttpFetcher
  readonly #mirror: Mirror
  readonly #signal: AbortSignal | undefined
  #failure: unknown

  /** What one mirror begins another could only break off: they may be at different states. */
  constructor(fetcher: HttpFetcher, mirror: Mirror, signal: AbortSignal | undefined) {
    super()
    this.#fetcher = fetcher
    this.#mirror = mirror
    this.#signal = signal
  }

  override async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const bytes = await this.#fetch(url, Math.min(maxLength, maxMetadataBytes))
    if (bytes !== undefined) {
      this.#refuseTwins(bytes, url)
      return bytes
    }
    const absent = new DownloadHTTPError(`there is no ${url}`, 404)
    // tuf-js asks for the next root until there is none, and wraps every other failure in words of its own.
    if (!url.endsWith('.root.json')) this.#failure = inOurWords(absent)
    throw absent
  }

  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const bytes = await this.downloadBytes(url, maxDocumentBytes)
    return new ReadableStream({
      start(controller) {
        controller.enqueue(Uint8Array.from(bytes))
        controller.close()
      },
    })
  }

  /** tuf-js counts key ids: one key under two of them would meet a threshold of two. */
  #refuseTwins(bytes: Buffer, url: string): void {
    for (const ids of twinsIn(bytes)) {
      const problem = `${url} has one key under the ids ${ids.join(' and ')}`
      this.#failure = new MachineError('UNTRUSTED', `the repository's metadata does not verify: ${problem}`, {
        hint: 'whoever signed it counts one key as several; tell whoever publishes the repository',
      })
      throw this.#failure
    }
  }

  /** Runs a step of tuf-js and says in our words what it found; what fetching threw is not retold, but thrown. */
  async trusted<T>(step: () => Promise<T>): Promise<T> {
    this.#failure = undefined
    try {
      return await step()
    } catch (error) {
      throw this.#failure ?? inOurWords(error)
    }
  }

  async #fetch(url: string, maxBytes: number): Promise<Buffer | undefined> {
    try {
      return await this.#fetcher.fetch(url, { maxBytes, signal: this.#signal, mirror: this.#mirror })
    } catch (error) {
      this.#failure = error
      throw error
    }
  }
}

/** In a root, or in the delegations of targets. What cannot be read tuf-js refuses. */
function twinsIn(bytes: Buffer): readonly (readonly string[])[] {
  try {
    const { signed } = JSON.parse(bytes.toString('utf8')) as {
      readonly signed?: { readonly keys?: object; readonly delegations?: { readonly keys?: object } }
    }
    return [signed?.keys, signed?.delegations?.keys].flatMap((keys) => twinKeyIds({ ...keys }))
  } catch {
    return []
  }
}

function inOurWords(error: unknown): unknown {
  const { message } = error as Error
  if (error instanceof ExpiredMetadataError || message.includes('expired')) {
    return new MachineError('METADATA_STALE', `the repository's metadata has expired: ${message}`, {
      hint: 'the server may be frozen, or nobody ran "vend refresh" (channels: where their key is; root and targets: "vend refresh --all"); check this machine\'s clock too',
      cause: error,
    })
  }
  if (error instanceof DownloadHTTPError) {
    return new MachineError('SERVER_REFUSED', `the server does not have what a repository has: ${message}`, {
      hint: 'is the URL that of a repository, and has anything been published to it?',
      cause: error,
    })
  }
  // Nothing is wrong with the repository when its metadata cannot be kept.
  if (error instanceof PersistError || message.includes('PersistError')) return error
  return new MachineError('UNTRUSTED', `the repository's metadata does not verify: ${message}`, {
    hint: 'this is not the repository that the machine was told to trust, or something on the way changed it',
    cause: error,
  })
}
