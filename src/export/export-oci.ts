import { access, link, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { BoundedTasks } from '../bounded-tasks.ts'
import type { Release, ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { findModule } from '../repository/find-module.ts'
import type { Repository } from '../repository/repository.ts'
import { ExportError } from './errors.ts'
import { findLayerOf, findLayers } from './find-layers.ts'
import { describeImage } from './image-documents.ts'
import { orderLayers } from './layer-order.ts'
import { archiveLayout } from './layout-archive.ts'
import { planTar, type TarPlan } from './module-tar.ts'
import { mediaTypes, type Compression, type Descriptor, type Platform } from './oci-documents.ts'
import { OciLayout } from './oci-layout.ts'
import {
  layerAnnotations,
  writeLayer,
  type Layer,
  type LayerRequest,
  type ModuleLayer,
} from './write-layer.ts'

/** Each has a compressor of its own. */
const layersAtOnce = 2

/** More than this, and some runtimes do not mount an image. */
const usualMaxLayers = 127

export interface OciExportRequest {
  readonly release: Release
  /** These with what they include; none: all. */
  readonly modules: readonly string[]
  /** A directory, or a file that is named `….tar`. */
  readonly out: string
  readonly tags: readonly string[]
  readonly compression: Compression
  /** Default: what the programs in it are for, or else `defaultArchitecture`. */
  readonly platform?: Platform | undefined
  /** As Go calls it: amd64, arm64. */
  readonly defaultArchitecture: string
}

export interface OciExportOptions extends CallOptions {
  readonly onProgress?: (contentBytes: number, totalBytes: number) => void
  /** Told, in words, of what is not as one would think, and is no failure. */
  readonly onNote?: (note: string) => void
}

export interface OciExport {
  /** The image's manifest. */
  readonly image: Descriptor
  readonly platform: Platform
  readonly layers: readonly ExportedLayer[]
  readonly leftOut: readonly string[]
}

export interface ExportedLayer extends ModuleLayer {
  /** It was in the layout already. */
  readonly isReused: boolean
}

/**
 * Writes modules of a release as a container image, one layer a module, into an OCI image layout: a directory, to
 * which images may be added one after another, or a tar archive of one. Either is complete or not there. The same
 * release gives the same bytes. Throws MODULE_UNKNOWN, EXPORT_UNSUPPORTED, EXPORT_EXISTS, LAYOUT_DAMAGED, and what
 * reading the store may throw.
 */
export async function exportOci(
  repository: Repository,
  request: OciExportRequest,
  options: OciExportOptions,
): Promise<OciExport> {
  return isArchive(request.out)
    ? exportArchive(repository, request, options)
    : exportInto(request.out, repository, request, options)
}

export function isArchive(out: string): boolean {
  return out.endsWith('.tar')
}

async function exportArchive(
  repository: Repository,
  request: OciExportRequest,
  options: OciExportOptions,
): Promise<OciExport> {
  const place = resolve(request.out)
  if (await isThere(place)) throw inTheWay(place)
  await mkdir(dirname(place), { recursive: true })
  const scratch = await mkdtemp(join(dirname(place), `.${basename(place).slice(0, 200)}-`))
  try {
    const [layout, archive] = [join(scratch, 'layout'), join(scratch, 'archive')]
    const exported = await exportInto(layout, repository, request, options)
    const mtime = { seconds: Date.parse(request.release.created) / 1000, nanos: 0 }
    await archiveLayout(layout, archive, { mtime, signal: options.signal })
    await putInPlace(archive, place)
    return exported
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A link, since a rename would replace what is there. */
async function putInPlace(file: string, place: string): Promise<void> {
  try {
    await link(file, place)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw inTheWay(place)
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

function inTheWay(place: string): ExportError {
  return new ExportError(
    'EXPORT_EXISTS',
    `${place} is there already, and an archive is not added to`,
    'remove it, or name another file with --out; a directory takes several images',
  )
}

async function exportInto(
  directory: string,
  repository: Repository,
  request: OciExportRequest,
  options: OciExportOptions,
): Promise<OciExport> {
  const { release, compression, tags } = request
  const { modules, leftOut } = orderLayers(release, request.modules)
  tellOfModules(modules, leftOut, options.onNote)
  await using layout = await OciLayout.open(directory)
  const earlier = await findLayers(layout)
  const asked = modules.map((name) => ({ name, module: findModule(release, name), compression }))
  const layers = await makeLayers(asked, { layout, earlier, repository, options })
  const platform = request.platform ?? platformOf(layers, request.defaultArchitecture)
  const { config, manifestOf } = describeImage(release, layers, platform)
  const configDescriptor = await layout.addDocument(config, mediaTypes.config)
  const manifest = await layout.addDocument(manifestOf(configDescriptor), mediaTypes.manifest)
  const image = { ...manifest, platform }
  options.signal?.throwIfAborted()
  await layout.commit(image, tags)
  return { image, platform, layers, leftOut }
}

type AskedLayer = Pick<LayerRequest, 'name' | 'module' | 'compression'>

interface LayerContext {
  readonly layout: OciLayout
  readonly earlier: readonly Layer[]
  readonly repository: Repository
  readonly options: OciExportOptions
}

async function makeLayers(asked: readonly AskedLayer[], context: LayerContext): Promise<ExportedLayer[]> {
  const { layout, earlier, options } = context
  const layers: ExportedLayer[] = []
  const missing: (AskedLayer & { readonly plan: TarPlan; readonly i: number })[] = []
  for (const [i, each] of asked.entries()) {
    const there = await findLayerOf(context.repository, layout, earlier, each, options.signal)
    if (there !== undefined) layers[i] = { ...there, module: each.name, isReused: true }
    else missing.push({ ...each, i, plan: await planLayer(each, context) })
  }
  const total = missing.reduce((sum, { module, plan }) => sum + module.contentBytes + plan.holeBytes, 0)
  let done = 0
  const onBytes = (bytes: number): void => {
    done += bytes
    options.onProgress?.(done, total)
  }
  const tasks = new BoundedTasks(layersAtOnce)
  try {
    for (const { i, ...each } of missing) {
      await tasks.start(async () => {
        layers[i] = await makeLayer(each, context, onBytes)
      })
    }
    await tasks.finish()
  } finally {
    await tasks.settle()
  }
  return layers
}

async function makeLayer(
  request: AskedLayer & { readonly plan: TarPlan },
  { layout, repository, options }: LayerContext,
  onBytes: (bytes: number) => void,
): Promise<ExportedLayer> {
  const { signal } = options
  const directory = layout.scratch
  const { path, ...layer } = await writeLayer(repository, { ...request, directory }, { signal, onBytes })
  await layout.addFile(path, layer.descriptor)
  return { ...layer, module: request.name, isReused: false }
}

async function planLayer(
  { name, module }: { readonly name: string; readonly module: ReleaseModule },
  { repository, options }: LayerContext,
): Promise<TarPlan> {
  const plan = await planTar(repository, name, module, { signal: options.signal })
  if (plan.sparseFiles > 0) {
    const zeros = `${plan.holeBytes} bytes of zeros`
    options.onNote?.(`${name}: ${plan.sparseFiles} files with holes are written whole, with ${zeros}`)
  }
  return plan
}

function tellOfModules(
  modules: readonly string[],
  leftOut: readonly string[],
  onNote: OciExportOptions['onNote'],
): void {
  for (const name of leftOut) {
    onNote?.(`${name}: left out: it is an image of its own and no part of a root file system`)
  }
  if (modules.length > usualMaxLayers) {
    onNote?.(`${modules.length} layers: some runtimes mount no more than ${usualMaxLayers}`)
  }
}

function platformOf(layers: readonly Layer[], defaultArchitecture: string): Platform {
  const found = layers.flatMap(
    ({ descriptor }) => descriptor.annotations?.[layerAnnotations.architecture] ?? [],
  )
  return { os: 'linux', architecture: found[0] ?? defaultArchitecture }
}
