import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import type { Digest } from '../../manifests/digest.ts'
import { digestField } from '../../manifests/fields.ts'
import { everything, type Slice } from './verify-slice.ts'

const format = 'vend.verify/1'

const schema = z.strictObject({
  /** Chunks that were found damaged in this pass. */
  damaged: z.array(digestField),
  format: z.literal(format),
  /** Chunks up to this digest, and packs up to this key, were looked at. */
  chunk: digestField.optional(),
  pack: z.string().optional(),
  /** Packs that were found damaged in this pass. */
  packs: z.array(z.string()),
  /** Of the first root of the repository. */
  root: digestField,
  slice: z.strictObject({ index: z.int().min(0), of: z.int().min(1) }),
})

type Position = z.output<typeof schema>

const savedEveryMs = 2000

/** One pass over a part of a repository, remembered in a file, so that it can be gone on with. */
export class VerifyPass {
  readonly slice: Slice
  readonly #path: string
  #position: Position
  #savedMs = performance.now()

  private constructor(path: string, position: Position) {
    this.#path = path
    this.#position = position
    this.slice = position.slice
  }

  /**
   * Goes on with the pass in the file. A file that is not there, of another repository, of other parts, or no such file at
   * all, begins anew with the first part; `onNote` is told why.
   */
  static open(path: string, root: Digest, of: number, onNote: (note: string) => void): VerifyPass {
    const found = readPosition(path)
    const why = whyNot(found, root, of)
    if (found !== undefined && found !== 'none' && why === undefined) return new VerifyPass(path, found)
    if (why !== undefined) onNote(`${path} ${why}: it begins anew`)
    return new VerifyPass(path, { damaged: [], format, packs: [], root, slice: { ...everything, of } })
  }

  /** Whether a chunk was looked at, and was right. */
  hasChunk(digest: Digest): boolean {
    const { chunk, damaged } = this.#position
    return chunk !== undefined && digest <= chunk && !damaged.includes(digest)
  }

  /** The last pack that was looked at. */
  get lastPack(): string | undefined {
    return this.#position.pack
  }

  /** Digests must come in their order; those that come out of it were damaged before. */
  sawChunk(digest: Digest, isDamaged: boolean): void {
    const { chunk, damaged } = this.#position
    const others = damaged.filter((one) => one !== digest)
    this.#move({
      chunk: chunk === undefined || digest > chunk ? digest : chunk,
      damaged: isDamaged ? [...others, digest] : others,
    })
  }

  /** To be looked at again. */
  get damagedPacks(): readonly string[] {
    return this.#position.packs
  }

  sawPack(key: string, isDamaged: boolean): void {
    const { pack, packs } = this.#position
    const others = packs.filter((one) => one !== key)
    this.#move({
      pack: pack === undefined || key > pack ? key : pack,
      packs: isDamaged ? [...others, key] : others,
    })
  }

  /** All was seen: the next pass is over the next part. */
  end(): void {
    const { root, slice } = this.#position
    this.#position = {
      damaged: [],
      format,
      packs: [],
      root,
      slice: { index: (slice.index + 1) % slice.of, of: slice.of },
    }
    this.save()
  }

  save(): void {
    this.#savedMs = performance.now()
    writeFileSync(`${this.#path}.new`, `${canonicalJson({ ...this.#position })}\n`)
    renameSync(`${this.#path}.new`, this.#path)
  }

  #move(change: Partial<Position>): void {
    this.#position = { ...this.#position, ...change }
    if (performance.now() - this.#savedMs >= savedEveryMs) this.save()
  }
}

/** Undefined for what is no position. Throws what keeps the file from being read. */
function readPosition(path: string): Position | 'none' | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
    throw error
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function whyNot(found: Position | 'none' | undefined, root: Digest, of: number): string | undefined {
  if (found === 'none') return undefined
  if (found === undefined) return 'is not a file of "vend verify --state"'
  if (found.root !== root) return 'is of another repository'
  return found.slice.of === of ? undefined : `is of a verify in ${found.slice.of} parts`
}
