import { writeFileSync } from 'node:fs'
import type { JsonValue } from '../../../manifests/canonical-json.ts'
import type { MirrorOptions } from '../../maintenance/mirror/mirror-options.ts'
import type { MirrorReport } from '../../maintenance/mirror/mirror-run.ts'
import type { MirrorState } from '../../maintenance/mirror/mirror-state.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command-context.ts'
import { checkConnection, connectionOf, connectionOptions } from '../connection-options.ts'
import { formatBytes, formatCount, formatCounted, formatDuration } from '../format-quantity.ts'
import { isOfflineFile, openPlace, parsePlace, type ReadablePlace } from '../open-mirror-source.ts'
import { argument, option, optionalArgument, repeatableOption } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseRate } from '../parse-rate.ts'
import { parseTrust, type TrustArgument } from '../parse-trust.ts'
import { readChannelName, readModuleName } from '../release-name.ts'
import { parsePathText } from '../setting-parsers.ts'
import { formatPairs } from '../table.ts'
import type { Style } from '../terminal.ts'

interface Mirrored {
  readonly source: string
  /** Undefined: only the state was asked for. */
  readonly destination: string | undefined
  readonly report: (MirrorReport & { readonly fileBytes?: number }) | undefined
  readonly state: MirrorState
  readonly ms: number
}

interface Input {
  readonly source: string
  readonly destination: string | undefined
  readonly offline: string | undefined
  readonly since: string | undefined
  readonly state: string | undefined
  readonly trust: TrustArgument | undefined
}

const { mirrors: _, ...reaching } = connectionOptions

/** `vend mirror` */
export const mirrorCommand = defineCommand({
  path: 'mirror',
  summary: 'bring a store to the state of another repository, or of a part of it',
  description:
    'Copies what the destination lacks, checks all of it before it is stored, and makes it visible at once, at the end. Sources ' +
    'are stores, served repositories and files of --offline. Run it again to go on, or for what is new.',
  examples: [
    'mirror https://releases.example/os file:/srv/mirror',
    'mirror s3://releases/os file:/srv/mirror --channel stable --keep-last 3 --max-rate 10MB/s',
    'mirror file:/srv/mirror --offline /media/usb/os.tar --since site.state',
    'mirror /media/usb/os.tar file:/srv/mirror --state /media/usb/site.state',
  ],
  arguments: {
    source: argument('source', 'a store, the URL of a served repository, or a file of --offline', parsePlace),
    destination: optionalArgument('destination', 'a store: file:DIRECTORY or s3://bucket/prefix', parsePlace),
  },
  options: {
    channels: repeatableOption(
      '--channel <name>',
      'only the releases that this channel leads to; may be repeated',
      readChannelName,
    ),
    modules: repeatableOption(
      '--module <name>',
      'only this module, and those that it includes; may be repeated',
      readModuleName,
    ),
    keepLast: option(
      '--keep-last <count>',
      'only so many of the newest releases, and those that channels lead to',
      parseCount,
    ),
    offline: option(
      '--offline <file>',
      'write what the destination lacks into this file instead',
      parsePathText,
    ),
    since: option(
      '--since <file>',
      'with --offline: the state (--state) of what the destination has',
      parsePathText,
    ),
    state: option(
      '--state <file>',
      'write what the destination has then; without one, the source',
      parsePathText,
    ),
    trust: option('--trust <root>', "the repository's first root: root.json, or its digest", parseTrust),
    maxRate: option('--max-rate <rate>', 'read no faster, such as 10MB/s', parseRate),
    ...reaching,
  },
  settings: [],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'what was copied is kept; the same command run again goes on',
  check: (input) => [...checkConnection({ ...input, mirrors: [] }), ...checkPlaces(input)],
  run: async (input, context): Promise<Mirrored> => {
    const started = performance.now()
    await using opened = new AsyncDisposableStack()
    const connection = connectionOf({ ...input, mirrors: [] })
    const place = await openPlace(input.source, { env: context.env, connection, opened })
    const { channels, modules, keepLast, maxRate } = input
    const selection = { channels, modules, keepLast }
    const options = await mirrorOptions(place, { ...input, selection, maxRate }, context)
    const report = await mirror(input, place, options, context, opened)
    const state = report?.state ?? (await stateOf(place, context))
    if (input.state !== undefined) await writeState(input.state, state)
    const destination = input.destination ?? input.offline
    return { source: place.reader.name, destination, report, state, ms: performance.now() - started }
  },
  answer: (mirrored) => ({
    json: json(mirrored),
    text: (style) => describe(mirrored, style),
  }),
})

function checkPlaces({ source, destination, offline, since, state }: Input): string[] {
  const problems: string[] = []
  if (destination !== undefined && offline !== undefined) {
    problems.push('--offline: writes a file in the place of a destination; leave one of them out')
  }
  if (destination === undefined && offline === undefined && state === undefined) {
    problems.push('DESTINATION is missing; it is a store, or name a file with --offline')
  }
  if (since !== undefined && offline === undefined) problems.push('--since: is for --offline')
  if (
    destination !== undefined &&
    (isOfflineFile(destination) || !/^(?:file|s3|memory):/.test(destination))
  ) {
    problems.push(
      'DESTINATION is not a store that can be written to; write file:DIRECTORY or s3://bucket/prefix',
    )
  }
  if (source.startsWith('casync:')) problems.push('SOURCE has chunks alone: name a repository')
  return problems
}

async function mirrorOptions(
  place: ReadablePlace,
  {
    trust,
    selection,
    maxRate,
  }: Pick<Input, 'trust'> & Pick<MirrorOptions, 'selection'> & { readonly maxRate: number | undefined },
  { signal, now, progress }: CommandContext,
): Promise<MirrorOptions> {
  const { RateLimit } = await import('../../maintenance/mirror/rate-limit.ts')
  return {
    selection,
    now,
    signal,
    limit: maxRate === undefined ? undefined : new RateLimit(maxRate),
    trustedRoot: trust === undefined ? undefined : await trustedRoot(place, trust, signal),
    onProgress: ({ bytes, totalBytes, chunks }) => {
      progress.update({ bytes, totalBytes, detail: `${formatCounted(chunks, 'chunk')} copied` })
    },
    onNote: (note) => progress.note(`vend: ${note}`),
  }
}

async function mirror(
  { source, destination, offline, since }: Input,
  place: ReadablePlace,
  options: MirrorOptions,
  { env, progress }: CommandContext,
  opened: AsyncDisposableStack,
): Promise<(MirrorReport & { readonly fileBytes?: number }) | undefined> {
  progress.begin('mirroring')
  if (offline !== undefined) {
    const { exportMirror } = await import('../../maintenance/mirror/offline-mirror.ts')
    const { readMirrorState } = await import('../../maintenance/mirror/mirror-state.ts')
    const known = since === undefined ? undefined : readMirrorState(since)
    return exportMirror(place, offline, { ...options, since: known })
  }
  if (destination === undefined) return undefined
  const { openStore } = await import('../../../storage/open-store.ts')
  const store = opened.use(openStore(destination, { env }))
  if (isOfflineFile(source)) {
    const { importMirror } = await import('../../maintenance/mirror/offline-mirror.ts')
    return importMirror(source, store, options)
  }
  const { mirrorRepository } = await import('../../maintenance/mirror/mirror-repository.ts')
  return mirrorRepository(place, store, options)
}

/** Throws ROOT_MISMATCH where the source begins with another one than the digest's. */
async function trustedRoot(
  { reader }: ReadablePlace,
  trust: TrustArgument,
  signal: AbortSignal,
): Promise<Buffer> {
  const { findFirstRoot } = await import('../../maintenance/mirror/find-first-root.ts')
  return findFirstRoot(reader, trust, { signal })
}

async function stateOf({ reader }: ReadablePlace, { signal }: CommandContext): Promise<MirrorState> {
  const { findMirrorState } = await import('../../maintenance/mirror/mirror-state.ts')
  return findMirrorState(reader, { signal })
}

async function writeState(path: string, state: MirrorState): Promise<void> {
  const { encodeMirrorState } = await import('../../maintenance/mirror/mirror-state.ts')
  writeFileSync(path, encodeMirrorState(state))
}

function json({
  source,
  destination,
  report,
  state,
  ms,
}: Mirrored): Readonly<Record<string, JsonValue | undefined>> {
  return {
    source,
    destination: destination ?? null,
    changed: report?.changed ?? false,
    root: state.root,
    timestamp: state.timestamp,
    snapshot: state.snapshot.version,
    releases: report?.releases,
    absent: { modules: [...state.absent.modules], releases: [...state.absent.releases] },
    copied: report === undefined ? undefined : { ...report.copied },
    fileBytes: report?.fileBytes,
    lost: report === undefined ? undefined : [...report.lost],
    seconds: Math.round(ms) / 1000,
  }
}

function describe({ destination, report, state, ms }: Mirrored, { bold, red }: Style): string {
  if (report === undefined) return `The state is that of timestamp ${state.timestamp}.\n`
  const { copied, releases, changed, lost, fileBytes } = report
  const { modules, releases: absent } = state.absent
  const part = [
    ...(absent.length === 0 ? [] : [`${formatCounted(absent.length, 'release')} left out`]),
    ...(modules.length === 0 ? [] : [`without ${modules.join(', ')}`]),
  ].join(', ')
  const head = changed
    ? `${destination} has the state of timestamp ${state.timestamp}.`
    : 'There was nothing to do.'
  const missing =
    lost.length === 0 ? '' : `${red('The source has lost')} ${lost.join(', ')}: of its history alone.\n`
  return (
    `${bold(fileBytes === undefined ? head : `${destination} brings a mirror to timestamp ${state.timestamp}.`)}\n${missing}` +
    formatPairs([
      ['first root', state.root],
      ['releases', `${formatCount(releases)}${part === '' ? '' : `; ${part}`}`],
      ['chunks', `${formatCount(copied.chunks)} copied, ${formatBytes(copied.chunkBytes)}`],
      ['manifests', `${formatCount(copied.manifests)} copied`],
      ['packs', `${formatCount(copied.packs)} copied, ${formatBytes(copied.packBytes)}`],
      ['documents', `${formatCount(copied.documents)} copied, ${formatCount(copied.metadata)} of metadata`],
      ...(fileBytes === undefined ? [] : [['file', formatBytes(fileBytes)] as const]),
      ['took', formatDuration(ms)],
    ])
  )
}
