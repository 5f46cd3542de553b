import { mkdirSync, rmSync } from 'node:fs'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import type { ByteRecipe } from '../../support/byte-recipes.ts'
import { deflateCases } from './deflate-cases.ts'
import { faultyPacks, faultyWorld, rightPack } from './faulty-packs.ts'
import { packOf } from './make-sample.ts'
import { samples } from './pack-samples.ts'
import type { PackSide } from './pack-side.ts'

/** Writes packs/ anew. */
export function packs(
  write: (name: string, content: string | Uint8Array) => void,
  json: (value: unknown) => string,
): void {
  const directory = new URL('../packs/', import.meta.url)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(new URL('invalid/', directory), { recursive: true })
  const cases = samples().map((sample) => {
    const { comment, from, to, missing = [] } = sample
    const name = sample.sameAs ?? sample.name
    const pack = packOf(sample)
    write(`packs/${name}.pack`, pack)
    return {
      comment,
      input: {
        pack: `packs/${name}.pack`,
        from: from && writeSide(write, `packs/${name}.old`, from),
        to: writeSide(write, `packs/${name}.new`, to),
        missing: missing.map((index) => from?.positions[index]),
      },
      expected: {
        bytes: pack.length,
        contents: sample.items
          .filter(({ bases = [] }) => !bases.some((basis) => missing.includes(basis)))
          .map(({ content }) => contentOf(to, content)),
      },
    }
  })
  const world = faultyWorld()
  const sides = {
    from: writeSide(write, 'packs/small.old', world.from),
    to: writeSide(write, 'packs/small.new', world.to),
  }
  write('packs/small.pack', rightPack(world))
  const small = {
    comment: 'two small contents, all streams as they are (format §11.1)',
    input: { pack: 'packs/small.pack', ...sides, missing: [] },
    expected: { bytes: rightPack(world).length, contents: [0, 1].map((index) => contentOf(world.to, index)) },
  }
  write(
    'packs/index.json',
    json({
      comment:
        'Packs (format §10 to §13). Each side is a manifest and its content stream; `missing` are the positions of ' +
        'old contents that the reader has not. A reader makes the new manifest and exactly these contents.',
      cases: [small, ...cases],
    }),
  )
  write(
    'packs/deflate.json',
    json({
      comment:
        'Deflate streams (format §12.3 to §12.6), by their length and digest, for each of the parameters, which are as a recipe has them.',
      cases: deflateCases(),
    }),
  )
  const faults = faultyPacks(world).map(({ name, comment, pack, code }) => {
    write(`packs/invalid/${name}.pack`, pack)
    return { comment, input: { pack: `packs/invalid/${name}.pack`, ...sides }, expected: { code } }
  })
  write(
    'packs/invalid/index.json',
    json({ comment: 'Packs with one fault each (format §10).', cases: faults }),
  )
}

function writeSide(
  write: (name: string, content: Uint8Array) => void,
  name: string,
  side: PackSide,
): { readonly manifest: string; readonly stream: string | ByteRecipe } {
  write(`${name}.ndjson`, side.manifest)
  if (side.recipe !== undefined) return { manifest: `${name}.ndjson`, stream: side.recipe }
  write(`${name}.bin`, side.stream)
  return { manifest: `${name}.ndjson`, stream: `${name}.bin` }
}

function contentOf({ positions, contents }: PackSide, index: number): { position: number; digest: Digest } {
  return { position: positions[index] as number, digest: digestOf(contents[index] as Buffer) }
}
