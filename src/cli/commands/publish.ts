import type { ModulePack } from '../../delivery/release-packs.ts'
import type { PublishRequest, PublishResult } from '../../ingest/publish-release.ts'
import { parseImagePlatform, type ImagePlatform } from '../../sources/oci-platform.ts'
import type { SourceLimits } from '../../sources/source-limits.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import { channelJson } from '../../../manifests/channel.ts'
import { wholeFleet } from '../../../manifests/rollout.ts'
import { checkSources, nameSources, type NamedSource } from '../check-sources.ts'
import { defineCommand } from '../command.ts'
import { describeRollout } from '../describe-channel.ts'
import { formatBytes, formatCount, formatCounted, formatDuration } from '../format-quantity.ts'
import type { Answer } from '../output.ts'
import { openRepository } from '../open-repository.ts'
import { flag, negation, option, repeatableOption, requiredOption, variadicArgument } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseLabel } from '../parse-label.ts'
import { makePacksFrom } from '../publish-packs.ts'
import { openPublishTarget, parseServerUrl, SendingProgress, type PublishTarget } from '../publish-target.ts'
import { publishProgress } from '../publish-progress.ts'
import { parseRollout } from '../parse-rollout.ts'
import { parsePackSources, type PackSources } from '../parse-pack-sources.ts'
import { parseInclude, parsePrefix, parseSource } from '../parse-sources.ts'
import { parseByteCount } from '../serving-setting-parsers.ts'
import { parsePathText } from '../setting-parsers.ts'
import { readChannelName, readModuleName, readVersion } from '../release-name.ts'
import { checkWithModules, splitSources } from '../split-sources.ts'
import { formatPairs } from '../table.ts'

interface Skipped {
  readonly module: string
  readonly path: string
  readonly reason: string
}

interface Published {
  readonly result: PublishResult
  readonly skipped: readonly Skipped[]
  readonly notes: readonly string[]
  readonly packs: readonly ModulePack[]
  readonly isMended: boolean
  readonly ms: number
  readonly now: Date
}

/** `vend publish` */
export const publishCommand = defineCommand({
  path: 'publish',
  summary: 'publish trees as the modules of a new release',
  description:
    'Publishes trees as the modules of a new release, and points a channel to it. A tree is a directory, a tar ' +
    'archive, a container image (OCI layout, docker save) or a set of pacman packages, which is found out, or said by ' +
    'dir:, tar:, oci:, docker-archive: or pacman: before the path; image: makes an image module of a file. All of it ' +
    'becomes visible at once, at the end. After an interruption, a crash or a lost network run the same command again: ' +
    'it uploads only what is missing. When something in the store is damaged, --mend with the same trees and the same ' +
    'release puts it right.',
  examples: [
    'publish /srv/images/root --release 10',
    'publish base=./base web=./web --include web=base --release 11 --label "Autumn" --rollout 10%',
    'publish ./root.tar.zst --release 12 --channel testing',
    'publish base=pacman:./packages app=oci:./image --prefix app=/usr/lib/machines/app --release 12',
    'publish ./root --release 12 --packs-from auto',
    'publish ./root --release 12 --mend',
    'publish ./root --modules modules.yaml --release 12',
    'publish ./root --release 12 --to https://updates.example',
  ],
  arguments: {
    sources: variadicArgument(
      'source',
      'a directory, archive, image or set of packages, or name=SOURCE for the module of that name',
      parseSource,
    ),
  },
  options: {
    release: requiredOption(
      '--release <version>',
      'the version: a positive integer, above all others',
      readVersion,
    ),
    label: option('--label <text>', 'a name of the release for people', parseLabel),
    channel: option(
      '--channel <name>',
      'the channel that is to point to it (default stable)',
      readChannelName,
    ),
    noChannel: negation('--no-channel', 'leave all channels as they are'),
    requires: option(
      '--requires <version>',
      'only machines at this release or later may take it',
      readVersion,
    ),
    rollout: option(
      '--rollout <share>',
      'how much of the fleet may move to it at first: 10% (default 100%)',
      parseRollout,
    ),
    module: option(
      '--module <name>',
      'the module of a source without a name (default system)',
      readModuleName,
    ),
    include: repeatableOption(
      '--include <module=modules>',
      'install modules with another: web=base,tools',
      parseInclude,
    ),
    prefix: repeatableOption(
      '--prefix <module=directory>',
      'where in the root the tree of a module goes: app=/usr/lib/app',
      parsePrefix,
    ),
    modules: option(
      '--modules <file>',
      'split the one tree into the modules that this file describes (docs/modules.md)',
      parsePathText,
    ),
    platform: option(
      '--platform <os/architecture>',
      'which of the images of a container image for several (default: of this machine)',
      parseImagePlatform,
    ),
    maxUnpacked: option(
      '--max-unpacked <bytes>',
      'what a compressed source may unpack to: 50GB (default: 1 GiB, or 200 times its size if that is more)',
      parseByteCount,
    ),
    packsFrom: option(
      '--packs-from <versions>',
      'make packs from these releases, before this one is visible: 10,11, or auto for those that machines are likely to have',
      parsePackSources,
    ),
    mend: flag(
      '--mend',
      'store every chunk and manifest anew, damaged or not; a release that exists, and all channels then, stay as they are',
    ),
    to: option(
      '--to <url>',
      'publish to the server at https://…, which was started with --publishing yes; needs VEND_TOKEN_FILE or VEND_TOKEN',
      parseServerUrl,
    ),
    oneFileSystem: flag('--one-file-system', 'leave out what is mounted inside a tree'),
    threads: option(
      '--threads <count>',
      'how many threads cut and compress (default: one fewer than there are processors)',
      parseCount,
    ),
  },
  settings: ['store', 'keys', 'token', 'tokenFile', 'ca'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'input', 'damage'],
  afterInterruption: 'nothing is visible of it; the same command run again uploads only what is missing',
  check: (input) => [
    ...checkSources(input),
    ...(input.modules === undefined ? [] : checkWithModules(input)),
    ...(input.requires !== undefined && input.requires >= input.release
      ? [`--requires: ${input.requires} is not before the release ${input.release} itself`]
      : []),
    ...(input.noChannel && input.rollout !== undefined
      ? ["--rollout: is a channel's, and there is --no-channel"]
      : []),
    ...(Array.isArray(input.packsFrom) && input.packsFrom.some((version) => version >= input.release)
      ? [`--packs-from: only releases before ${input.release} itself`]
      : []),
  ],
  run: async (input, context): Promise<Published> => {
    const modules = nameSources(input)
    const started = performance.now()
    const skipped: Skipped[] = []
    const notes: string[] = []
    const packs: ModulePack[] = []
    await using target = await openPublishTarget(context, input.to)
    const { result } = await publish(
      {
        version: input.release,
        label: input.label,
        requires: input.requires,
        channel: input.noChannel ? undefined : (input.channel ?? 'stable'),
        rolloutFraction: input.rollout ?? wholeFleet,
        mend: input.mend,
      },
      {
        target,
        modules,
        skipped,
        notes,
        packs,
        packsFrom: input.packsFrom,
        threads: input.threads,
        oneFileSystem: input.oneFileSystem,
        platform: input.platform,
        limits: { maxUnpackedBytes: input.maxUnpacked },
        definition: input.modules,
      },
    )
    return {
      result,
      skipped,
      notes,
      packs,
      isMended: input.mend,
      ms: performance.now() - started,
      now: context.now(),
    }
  },
  answer: answerOf,
})

async function publish(
  request: Omit<PublishRequest, 'modules'>,
  options: {
    readonly target: PublishTarget
    readonly modules: readonly NamedSource[]
    readonly skipped: Skipped[]
    readonly notes: string[]
    readonly packs: ModulePack[]
    readonly packsFrom: PackSources | undefined
    readonly threads: number | undefined
    readonly oneFileSystem: boolean
    readonly platform: ImagePlatform | undefined
    readonly limits: SourceLimits
    readonly definition: string | undefined
  },
): Promise<{ readonly result: PublishResult }> {
  const { target, modules, skipped, notes, packs, packsFrom, threads, oneFileSystem, platform, limits } =
    options
  const { definition } = options
  const { context, remote } = target
  const { settings, signal, progress } = context
  const { publishRelease } = await import('../../ingest/publish-release.ts')
  const { openSources } = await import('../open-sources.ts')
  const { keys } = await openRepository(context)
  const onNote = (note: string): void => {
    notes.push(note)
    progress.note(`vend: ${note}`)
  }
  await using opened = new AsyncDisposableStack()
  const sources = await openSources(modules, {
    opened,
    progress,
    onNote,
    signal,
    platform,
    limits,
    // What the packages own is read from it; "hide-packages" keeps it from machines.
    withPackageDatabase: definition !== undefined,
  })
  const split = await splitSources(sources.modules, { definition, oneFileSystem, signal, onNote })
  remote?.intend({
    modules: split.map(({ name }) => name),
    channels: request.channel === undefined ? [] : [request.channel],
    isMended: request.mend === true,
  })
  if (remote !== undefined && packsFrom !== undefined)
    onNote(
      'no packs are made over HTTPS: the server builds them when machines ask, or "vend pack" does beside its store',
    )
  progress.begin(`publishing ${request.version}`)
  const sentBytes = remote && ((): number => remote.traffic.sentBytes)
  using sending = new SendingProgress(publishProgress(progress, sources.measured, sentBytes), remote)
  const result = await publishRelease(
    { ...request, modules: split },
    {
      store: settings.store,
      keys,
      now: context.now(),
      sourceDateEpoch: settings.sourceDateEpoch,
      signal,
      threads,
      oneFileSystem,
      onProgress: (done) => sending.update(done),
      beforeVisible: async (release, repository) => {
        if (packsFrom !== undefined && remote === undefined)
          packs.push(...(await makePacksFrom(packsFrom, release, repository, context)))
      },
      onSkipped: (module, path, reason) => {
        skipped.push({ module, path, reason })
        progress.note(`vend: ${module}: /${displayTreePath(path)} ${reason}`)
      },
      onNote,
    },
  )
  return { result }
}

function answerOf(published: Published): Answer {
  const { result, skipped, notes, packs, isMended, ms } = published
  const { release, channel, changed, entries, contentBytes, chunks, chunksUploaded, storedBytes } = result
  return {
    json: {
      release: release.version,
      label: release.label,
      created: release.created,
      channel: channel === undefined ? null : channelJson(channel),
      changed,
      modules: Object.fromEntries(
        Object.entries(release.modules).map(([name, { manifest }]) => [name, manifest.digest]),
      ),
      entries,
      contentBytes,
      chunks,
      newChunks: chunksUploaded,
      storedBytes,
      packs: packs.map(({ module, key, bytes }) => ({ module, key, bytes })),
      seconds: Math.round(ms) / 1000,
      skipped: skipped.map(({ module, path, reason }) => ({ module, path: displayTreePath(path), reason })),
      notes,
    },
    text: ({ bold }) =>
      bold(headline(published)) +
      '\n' +
      formatPairs([
        ['modules', Object.keys(release.modules).sort().join(', ')],
        ['entries', formatCount(entries)],
        ['content', formatBytes(contentBytes)],
        [
          'chunks',
          `${formatCount(chunks)}, ${formatCount(chunksUploaded)} of them ${isMended ? 'stored anew' : 'new'}`,
        ],
        ['stored', formatBytes(storedBytes)],
        ...(packs.length === 0 ? [] : [['packs', describePacks(packs)] as const]),
        ['took', formatDuration(ms)],
        ...(skipped.length === 0 ? [] : [['left out', formatCounted(skipped.length, 'path')] as const]),
      ]),
  }
}

function describePacks(packs: readonly ModulePack[]): string {
  const bytes = packs.reduce((sum, pack) => sum + pack.bytes, 0)
  return `${formatCounted(packs.length, 'pack')}, ${formatBytes(bytes)}`
}

function headline({ result: { release, channel, changed }, isMended, now }: Published): string {
  if (isMended && !changed)
    return `Release ${release.version} is as it was; all that it needs is stored anew.`
  const where =
    channel === undefined ? '' : ` on channel ${channel.channel}, for ${describeRollout(channel, now)}`
  return changed
    ? `Published release ${release.version}${where}.`
    : `Release ${release.version} is already published${where}, with the same content.`
}
