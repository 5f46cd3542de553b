import { digestOf } from '../../../manifests/digest.ts'
import { joinViews, viewBytes } from '../../../src/delta/content-view.ts'
import { DeltaContext } from '../../../src/delta/delta-context.ts'
import { encodeDelta, encodeWhole, type Delta } from '../../../src/delta/encode-delta.ts'
import { toColumns } from '../../../src/pack/manifest-columns.ts'
import { encodePackHeader } from '../../../src/pack/pack-header.ts'
import type { PackContent, Repack } from '../../../src/pack/pack-index.ts'
import { GroupWriter, type StoredGroup } from '../../../src/pack/pack-writer.ts'
import { inflatedForm } from '../../../src/recompression/inflated-form.ts'
import { unpack } from '../../../src/recompression/unpack.ts'
import type { PackSample } from './pack-sample.ts'
import type { PackSide } from './pack-side.ts'

export function packOf({ from, to, hasColumns, items }: PackSample): Buffer {
  const groups: StoredGroup[] = []
  let group = new GroupWriter(true)
  let context = new DeltaContext()
  const close = (isFresh: boolean): void => {
    if (!group.isEmpty) groups.push(group.finish())
    group = new GroupWriter(isFresh)
  }
  const add = (
    head: Omit<PackContent, 'copies' | 'predicted'>,
    delta: Delta,
    sizes: [number, number],
    isAlone: boolean,
  ): void => {
    let content: PackContent | undefined = { ...head, ...delta.head }
    for (const { targetBytes, streams } of delta.parts) {
      if (isAlone && content === undefined) close(false)
      group.add({ content, targetBytes }, streams, ...sizes)
      content = undefined
    }
  }
  add(...manifestOf(from, to, hasColumns), [to.manifest.length, from?.manifest.length ?? 0], false)
  let isFirst = true
  for (const item of items) {
    if (isFirst || item.isFresh === true) {
      close(true)
      context = new DeltaContext()
    }
    isFirst = false
    const { content, bases = [], isRepacked = false, partBytes } = item
    const target = to.contents[content] as Buffer
    const basis = bases.map((index) => from?.contents[index] as Buffer)
    const unpacked = isRepacked ? unpack(target) : undefined
    if (isRepacked && unpacked === undefined) throw new Error(`content ${content} cannot be repacked`)
    const repack: Repack | undefined = unpacked && {
      plainBytes: unpacked.plain.length,
      recipe: unpacked.recipe,
    }
    const view = viewBytes(unpacked?.plain ?? target)
    const delta =
      basis.length === 0
        ? encodeWhole(view, partBytes ?? 1 << 20)
        : encodeDelta(
            view,
            joinViews(basis.map((one) => viewBytes(isRepacked ? plainOf(one) : one))),
            partBytes ?? 1 << 20,
            context,
          )
    const head = {
      what: 'content' as const,
      position: to.positions[content] as number,
      bases: bases.map((index) => ({ position: from?.positions[index] as number, unpacked: isRepacked })),
      repack,
    }
    add(head, delta, [target.length, basis[0]?.length ?? 0], partBytes !== undefined)
  }
  close(true)
  const header = encodePackHeader({
    kind: 'manifests',
    from: from && digestOf(from.manifest),
    to: digestOf(to.manifest),
    groups: groups.map((one) => one.group),
  })
  return Buffer.concat([header, ...groups.map(({ bytes }) => bytes)])
}

function manifestOf(
  from: PackSide | undefined,
  to: PackSide,
  hasColumns: boolean,
): [Omit<PackContent, 'copies' | 'predicted'>, Delta] {
  const form = (manifest: Buffer): Uint8Array => (hasColumns ? (toColumns(manifest) as Uint8Array) : manifest)
  const plain = form(to.manifest)
  const delta =
    from === undefined
      ? encodeWhole(viewBytes(plain), 1 << 20)
      : encodeDelta(viewBytes(plain), viewBytes(form(from.manifest)), 1 << 20)
  const head = {
    what: 'manifest' as const,
    position: 0,
    bases: from === undefined ? [] : [{ position: 0, unpacked: hasColumns }],
    repack: hasColumns ? { plainBytes: plain.length, recipe: new Uint8Array() } : undefined,
  }
  return [head, delta]
}

function plainOf(packed: Buffer): Uint8Array {
  const plain = inflatedForm(packed, 1 << 24)
  if (plain === undefined) throw new Error('a basis without plain form')
  return plain
}
