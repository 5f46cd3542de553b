import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import { PackError } from '../pack/errors.ts'
import type { PackHeader } from '../pack/pack-header.ts'
import type { PackContent } from '../pack/pack-index.ts'
import type { ContentSink, PackReader, PackTarget } from '../pack/pack-reader.ts'
import type { ContentView } from '../delta/content-view.ts'
import { FileView } from './file-view.ts'
import { GatheredWrites } from './gathered-writes.ts'
import type { MachineLayout } from './machine-layout.ts'
import { syncDirectory } from './write-durably.ts'

export interface ManifestRef {
  readonly digest: Digest
  /** Plain bytes. */
  readonly bytes: number
}

/** The first groups of a pack, which hold the manifest and nothing else. */
export function manifestGroups({ groups }: PackHeader): number {
  const next = groups.findIndex(({ fresh }, group) => group > 0 && fresh)
  return next === -1 ? groups.length : next
}

/** Makes the manifest that a pack leads to, out of the one it leads from, where it belongs. Throws a PackError. */
export function makeManifest(
  reader: PackReader,
  layout: MachineLayout,
  from: ManifestRef | undefined,
  to: ManifestRef,
): void {
  const file = layout.manifest(to.digest)
  {
    using target = new ManifestTarget(layout, from, to)
    reader.apply(target, 0, manifestGroups(reader.header))
    target.check()
  }
  renameSync(`${file}.tmp`, file)
  syncDirectory(layout.manifests)
}

class ManifestTarget implements PackTarget, Disposable {
  readonly #from: ManifestRef | undefined
  readonly #to: ManifestRef
  readonly #basis: FileView | undefined
  readonly #fd: number
  readonly #digest = new DigestBuilder()
  readonly #gathered = new GatheredWrites()

  constructor(layout: MachineLayout, from: ManifestRef | undefined, to: ManifestRef) {
    this.#from = from
    this.#to = to
    this.#basis =
      from === undefined ? undefined : FileView.ofFile(openSync(layout.manifest(from.digest), 'r'))
    this.#fd = openSync(`${layout.manifest(to.digest)}.tmp`, 'w')
  }

  content(what: PackContent['what'], position: number): number {
    if (what !== 'manifest' || position !== 0) throw notAlone()
    return this.#to.bytes
  }

  basis(what: PackContent['what'], position: number): number {
    if (what !== 'manifest' || position !== 0 || this.#from === undefined) throw notAlone()
    return this.#from.bytes
  }

  openBasis(): ContentView | undefined {
    return this.#basis
  }

  begin(): ContentSink {
    if (this.#digest.bytes > 0) throw notAlone()
    const write = (piece: Uint8Array): void => {
      for (let done = 0; done < piece.length;) done += writeSync(this.#fd, piece, done)
      this.#digest.add(piece)
    }
    return {
      write: (bytes) => this.#gathered.add(bytes, write),
      end: () => this.#gathered.flush(write),
      abandon: () => undefined,
    }
  }

  /** Throws a PackError unless the manifest is the right one; then it is on the device. */
  check(): void {
    if (this.#digest.finish() !== this.#to.digest) {
      throw new PackError('PACK_CORRUPT', `the pack makes another manifest than ${this.#to.digest}`)
    }
    fsyncSync(this.#fd)
  }

  [Symbol.dispose](): void {
    this.#basis?.[Symbol.dispose]()
    closeSync(this.#fd)
  }
}

function notAlone(): PackError {
  return new PackError(
    'PACK_CORRUPT',
    'the first groups of the pack hold something else than the new manifest',
  )
}
