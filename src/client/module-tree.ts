import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { decodeEntry } from '../../manifests/entry-line.ts'
import type { Entry } from '../../manifests/entry.ts'
import { FormatError } from '../../manifests/errors.ts'
import type { ChunkRef, ManifestHeader } from '../../manifests/manifest.ts'
import type { LineSpan } from '../../manifests/manifest-decoder.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { mergeEntries, type PathGroup } from '../tree/merge-entries.ts'
import { openManifest, type ManifestEntry } from '../tree/read-manifest.ts'
import { digestFile } from '../digest-file.ts'
import { MachineError } from './errors.ts'
import type { MachineLayout } from './machine-layout.ts'
import type { SlotModule } from './machine-state.ts'

/** An entry of a tree, and where its line can be found again. */
export interface TreeEntry {
  readonly entry: Entry
  /** The module's index in the tree's `modules`. */
  readonly module: number
  readonly line: LineSpan
}

export interface TreeModule {
  readonly name: string
  readonly header: ManifestHeader
  readonly chunkTable: readonly ChunkRef[]
  readonly path: string
  readonly fd: number
}

/** What a set of modules makes together (format §8), read from local manifests. Memory: the chunk tables. */
export class ModuleTree implements Disposable {
  readonly modules: readonly TreeModule[]

  private constructor(modules: readonly TreeModule[]) {
    this.modules = modules
  }

  /** The manifests are checked against their digests. Throws MACHINE_INVALID and OBJECT_CORRUPT. */
  static async open(layout: MachineLayout, modules: readonly SlotModule[]): Promise<ModuleTree> {
    const opened: TreeModule[] = []
    try {
      for (const module of modules) opened.push(await openModule(layout, module))
    } catch (error) {
      for (const { fd } of opened) closeSync(fd)
      throw error
    }
    return new ModuleTree(opened)
  }

  /** In byte order of the paths. A directory of several modules is that of the first of them. */
  async *entries(): AsyncGenerator<TreeEntry, void, undefined> {
    for await (const group of this.groups()) yield this.#choose(group)
  }

  /** In byte order of the paths, what each module has there. Throws OBJECT_CORRUPT. */
  groups(): AsyncGenerator<PathGroup, void, undefined> {
    return mergeEntries(this.modules.map((module) => entriesOf(module)))
  }

  /** Reads an entry again. */
  entryAt(module: number, { position, bytes }: LineSpan): Entry {
    const buffer = Buffer.allocUnsafe(bytes)
    readSync(this.#module(module).fd, buffer, 0, bytes, position)
    return decodeEntry(buffer)
  }

  chunkTable(module: number): readonly ChunkRef[] {
    return this.#module(module).chunkTable
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.modules) closeSync(fd)
  }

  #module(module: number): TreeModule {
    const found = this.modules[module]
    if (found === undefined) throw new RangeError(`there is no module ${module}`)
    return found
  }

  #choose({ path, items }: PathGroup): TreeEntry {
    const module = items.findIndex((item) => item !== undefined)
    const first = items[module]
    if (first === undefined) throw new RangeError('a path without an entry')
    const clash = items.find((item) => item !== undefined && item !== first)
    if (clash !== undefined && (first.entry.type !== 'directory' || clash.entry.type !== 'directory')) {
      const names = this.modules.filter((_, i) => items[i] !== undefined).map(({ name }) => name)
      throw new MachineError(
        'OBJECT_CORRUPT',
        `the modules ${names.join(' and ')} both have "/${displayTreePath(path)}"`,
        { hint: 'they cannot be installed together; tell whoever publishes them' },
      )
    }
    return { entry: first.entry, module, line: first.line }
  }
}

async function* entriesOf({ name, path }: TreeModule): AsyncGenerator<ManifestEntry, void, undefined> {
  try {
    const { entries } = await openManifest(createReadStream(path))
    yield* entries
  } catch (error) {
    throw asCorrupt(error, name)
  }
}

/** The bytes are those that the release asks for: fetching them again would not help. */
function asCorrupt(error: unknown, module: string): unknown {
  if (!(error instanceof FormatError)) return error
  return new MachineError('OBJECT_CORRUPT', `the manifest of the module ${module}: ${error.message}`, {
    hint: 'tell whoever publishes it; this machine stays as it is',
    cause: error,
  })
}

async function openModule(layout: MachineLayout, { name, digest, bytes }: SlotModule): Promise<TreeModule> {
  const path = layout.manifest(digest)
  const found = await digestFile(path)
  if (found.bytes !== bytes || found.digest !== digest) {
    throw new MachineError('MACHINE_INVALID', `${path} is damaged`, {
      hint: 'remove it and run "vend-client update": it is fetched anew',
    })
  }
  try {
    const { header, chunkTable, close } = await openManifest(createReadStream(path))
    await close()
    return { name, header, chunkTable, path, fd: openSync(path, 'r') }
  } catch (error) {
    throw asCorrupt(error, name)
  }
}
