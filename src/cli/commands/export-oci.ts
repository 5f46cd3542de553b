import type { ExportedLayer, OciExport } from '../../export/export-oci.ts'
import type { Compression, Platform } from '../../export/oci-documents.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatDuration } from '../format-quantity.ts'
import { openRepository } from '../open-repository.ts'
import type { Answer } from '../output.ts'
import { argument, option, repeatableOption } from '../parameters.ts'
import { findRelease, parseReleaseName, readModuleName } from '../release-name.ts'
import { quote } from '../setting-parsers.ts'
import { formatTable } from '../table.ts'

const defaultOut = './oci'

interface Exported {
  readonly release: number
  readonly out: string
  readonly tags: readonly string[]
  readonly exported: OciExport
  readonly notes: readonly string[]
  readonly ms: number
}

/** `vend export oci` */
export const exportOciCommand = defineCommand({
  path: 'export oci',
  summary: 'write a release as a container image',
  description:
    'Writes a release, or some of its modules with what they include, as an image in the OCI layout: one layer a module, ' +
    'so that modules that did not change share their layer with earlier releases. The same release always gives the same ' +
    'bytes. A directory takes any number of images; layers that are there already are used again.',
  examples: [
    'export oci stable --out ./images',
    'export oci 11 --module web --out web-11.tar --tag example.org/web:11',
    'export oci 11 --compression zstd --tag 11 --tag latest',
  ],
  arguments: { release: argument('release', 'a version or channel', parseReleaseName) },
  options: {
    modules: repeatableOption(
      '--module <name>',
      'only this module, what it includes, and what is essential; may be repeated',
      readModuleName,
    ),
    out: option(
      '--out <place>',
      `a directory, new or with such a layout, or a new FILE.tar (default ${defaultOut})`,
      parseOut,
    ),
    tags: repeatableOption(
      '--tag <name>',
      'what the image is called in the layout; may be repeated (default: the version)',
      parseTag,
    ),
    compression: option(
      '--compression <kind>',
      'of layers: gzip, zstd or none (default gzip)',
      parseCompression,
    ),
    platform: option(
      '--platform <os/architecture>',
      'such as linux/arm64 (default: what the programs in the release are for)',
      parsePlatform,
    ),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'input', 'damage'],
  afterInterruption: 'what was there before is as it was',
  run: async (input, context): Promise<Exported> => {
    const { exportOci } = await import('../../export/export-oci.ts')
    const started = performance.now()
    const { repository } = await openRepository(context)
    const { signal, progress } = context
    const { release } = await findRelease(repository, input.release, { signal })
    const [out, tags] = [
      input.out ?? defaultOut,
      input.tags.length > 0 ? input.tags : [String(release.version)],
    ]
    const notes: string[] = []
    progress.begin(`exporting ${release.version}`)
    const exported = await exportOci(
      repository,
      {
        release,
        modules: input.modules,
        out,
        tags,
        compression: input.compression ?? 'gzip',
        platform: input.platform,
        defaultArchitecture: architectureHere(),
      },
      {
        signal,
        onProgress: (bytes, totalBytes) => {
          progress.update({ bytes, totalBytes })
        },
        onNote: (note) => {
          notes.push(note)
          progress.note(`vend: ${note}`)
        },
      },
    )
    return { release: release.version, out, tags, exported, notes, ms: performance.now() - started }
  },
  answer: answerOf,
})

function answerOf({ release, out, tags, exported, notes, ms }: Exported): Answer {
  const { image, platform, layers, leftOut } = exported
  return {
    json: {
      release,
      out,
      tags,
      image: image.digest,
      platform: nameOf(platform),
      layers: layers.map(({ module, descriptor, diffId, isReused }) => ({
        module,
        mediaType: descriptor.mediaType,
        digest: descriptor.digest,
        bytes: descriptor.size,
        diffId,
        isReused,
      })),
      leftOut,
      notes,
      seconds: Math.round(ms) / 1000,
    },
    text: ({ bold }) =>
      `${bold(`Exported release ${release} to ${out} as ${tags.join(', ')}.`)}\n` +
      `${image.digest}, ${nameOf(platform)}, ${formatDuration(ms)}\n\n` +
      formatTable(
        [{ title: 'MODULE' }, { title: 'LAYER', align: 'right' }, { title: 'DIGEST' }, { title: '' }],
        layers.map(rowOf),
      ),
  }
}

function rowOf({ module, descriptor, isReused }: ExportedLayer): string[] {
  return [module, formatBytes(descriptor.size), descriptor.digest, isReused ? 'there already' : '']
}

function nameOf({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

function parseOut(text: string): string {
  if (text === '') throw new Error('is empty; name a directory or FILE.tar')
  return text
}

/** As the image-spec has it for org.opencontainers.image.ref.name. */
function parseTag(text: string): string {
  const component = '[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*'
  if (text.length <= 255 && new RegExp(`^${component}(?:/${component})*$`).test(text)) return text
  throw new Error(`${quote(text)} is no name of an image; write 11, latest or example.org/web:11`)
}

function parseCompression(text: string): Compression {
  if (text === 'gzip' || text === 'zstd' || text === 'none') return text
  throw new Error(`${quote(text)} is none of gzip, zstd and none`)
}

function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9]+)(?:\/([a-z0-9]+))?$/.exec(text) ?? []
  if (os === undefined || architecture === undefined) {
    throw new Error(`${quote(text)} is no platform; write linux/amd64 or linux/arm/v7`)
  }
  return { os, architecture, ...(variant !== undefined && { variant }) }
}

/** In Go's words, which images are labelled with. */
function architectureHere(): string {
  const words: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }
  return words[process.arch] ?? process.arch
}
