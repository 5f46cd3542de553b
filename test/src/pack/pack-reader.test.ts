import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { newWriters, type StreamWriters } from '../../../src/delta/delta-streams.ts'
import { DeltaError } from '../../../src/delta/errors.ts'
import type { IndexLine, PackContent } from '../../../src/pack/pack-index.ts'
import { PackReader } from '../../../src/pack/pack-reader.ts'
import { GroupWriter, type StoredGroup } from '../../../src/pack/pack-writer.ts'
import { joinPack, makeMemoryPack } from '../../support/memory-pack.ts'
import { inStream, MemoryPackTarget, type PackWorld } from '../../support/memory-pack-target.ts'
import { Random } from '../../support/random.ts'

const random = new Random(1)
const basis = random.bytes(1000)
const world: PackWorld = {
  to: inStream([basis.subarray(100, 200), random.bytes(300)]),
  from: inStream([basis]),
  newManifest: Buffer.from('new'),
  oldManifest: Buffer.from('old'),
}

const content: PackContent = {
  what: 'content',
  position: 0,
  bases: [{ position: 0, unpacked: false }],
  repack: undefined,
  copies: 1,
  predicted: false,
}

interface Line {
  readonly content?: PackContent | undefined
  readonly targetBytes: number
  readonly write?: (streams: StreamWriters) => void
}

/** One copy of all the content from offset 100 of the basis. */
function copy(streams: StreamWriters): void {
  streams.literalLengths.unsigned(0)
  streams.copyLengths.unsigned(100)
  streams.seeks.signed(100)
  streams.gaps.unsigned(100)
}

const whole = { content, targetBytes: 100, write: copy }

function group(...lines: readonly Line[]): StoredGroup {
  const writer = new GroupWriter(true)
  for (const { write, ...line } of lines) {
    const streams = newWriters()
    write?.(streams)
    const described: IndexLine = { content: undefined, ...line }
    writer.add(described, streams, sizeOf(line.content), basis.length)
  }
  return writer.finish()
}

function sizeOf(one: PackContent | undefined): number {
  return one === undefined ? 0 : (world.to.get(one.position)?.length ?? 0)
}

function declare(stored: StoredGroup, targetBytes: number): StoredGroup {
  return { ...stored, group: { ...stored.group, targetBytes } }
}

function apply(groups: readonly StoredGroup[], target = new MemoryPackTarget(world)): MemoryPackTarget {
  const reader = new PackReader(viewBytes(joinPack(world, groups)))
  reader.apply(target, 0, groups.length)
  return target
}

function literal(length: number, part = length): (streams: StreamWriters) => void {
  return (streams) => streams.literals.bytes(new Uint8Array(Math.min(length, part)))
}

test('a pack without groups makes nothing', () => {
  expect(apply([]).made.size).toBe(0)
})

test('groups are applied from where one wants', () => {
  const second: PackContent = { ...content, position: 100, bases: [], copies: 0 }
  const groups = [group(whole), group({ content: second, targetBytes: 300, write: literal(300) })]
  const pack = joinPack(world, groups)
  const reader = new PackReader(viewBytes(pack))
  const target = new MemoryPackTarget(world)
  reader.apply(target, 1, 2)
  expect([...target.made.keys()]).toEqual(['content 100'])
  expect(reader.span(1).end).toBe(pack.length)
  expect(reader.span(0).end).toBe(reader.span(1).start)
})

test('bytes behind the end of a pack are not looked at', () => {
  const pack = joinPack(world, [group(whole)])
  const reader = new PackReader(viewBytes(Buffer.concat([pack, Buffer.alloc(1000)])))
  expect(reader.length).toBe(pack.length)
})

test('a content goes on over the end of a group', () => {
  const second: PackContent = { ...content, position: 100, bases: [], copies: 0 }
  const first = group(whole, { content: second, targetBytes: 120, write: literal(300, 120) })
  const rest = group({ targetBytes: 180, write: literal(180) })
  const target = apply([first, { ...rest, group: { ...rest.group, fresh: false } }])
  expect(target.made.get('content 100')).toHaveLength(300)
})

describe('a pack is refused', () => {
  const second: PackContent = { ...content, position: 100, bases: [], copies: 0 }
  const half = { content: second, targetBytes: 120, write: literal(120) }

  test.each<[string, readonly StoredGroup[], string]>([
    ['that goes on with nothing', [group({ targetBytes: 0 })], 'goes on with no content'],
    ['that ends inside a content', [group(half)], 'ends inside a content'],
    [
      'that begins another inside a content',
      [group(half, { ...half, targetBytes: 300 })],
      'ends inside a content',
    ],
    ['that makes a content twice', [group(whole, whole)], 'out of order'],
    ['that makes a content again in another group', [group(whole), group(whole)], 'out of order'],
    [
      'with a content where there is none',
      [group({ ...whole, content: { ...content, position: 50 } })],
      'no content',
    ],
    [
      'with a content before the first',
      [group({ ...whole, content: { ...content, position: -1 } })],
      'no content',
    ],
    [
      'with a basis where there is none',
      [group({ ...whole, content: { ...content, bases: [{ position: 7, unpacked: false }] } })],
      'no content',
    ],
    [
      'with too many bases',
      [
        group({
          ...whole,
          content: { ...content, bases: Array.from({ length: 9 }, () => ({ position: 0, unpacked: false })) },
        }),
      ],
      '9 bases',
    ],
    ['that makes more than it declares', [declare(group(whole), 99)], 'makes 100 bytes'],
    ['that makes less than it declares', [declare(group(whole), 101)], 'makes 100 bytes'],
    ['that makes more than the content', [group({ ...whole, targetBytes: 101 })], 'makes 101 bytes of 100'],
    ['that ends inside a step of a copy', [group({ ...whole, targetBytes: 99 })], 'ends inside a step'],
    [
      'that predicts what is no program',
      [group({ ...whole, content: { ...content, predicted: true } })],
      'no executable',
    ],
    [
      'with more copies than there are',
      [group({ ...whole, content: { ...content, copies: 2 } })],
      'ends inside an integer',
    ],
    [
      'with far too many copies',
      [group({ ...whole, content: { ...content, copies: 2 ** 40 } })],
      'copies, more than',
    ],
    [
      'with bytes that belong to nothing',
      [group({ ...whole, write: (to) => (copy(to), to.literals.byte(1)) })],
      'too many',
    ],
    [
      'with an empty run',
      [
        group({
          ...whole,
          write: (to) => {
            to.literalLengths.unsigned(0)
            to.copyLengths.unsigned(100)
            to.seeks.signed(0)
            for (let at = 0; at < 9; at++) to.gaps.unsigned(0)
            to.runs.unsigned(0)
          },
        }),
      ],
      'empty run',
    ],
    [
      'that copies from before its basis',
      [
        group({
          ...whole,
          write: (to) => {
            to.literalLengths.unsigned(0)
            to.copyLengths.unsigned(100)
            to.seeks.signed(-1)
          },
        }),
      ],
      'outside of basis or target',
    ],
    [
      'that copies over the end of its basis',
      [
        group({
          ...whole,
          write: (to) => {
            to.literalLengths.unsigned(0)
            to.copyLengths.unsigned(100)
            to.seeks.signed(901)
          },
        }),
      ],
      'outside of basis or target',
    ],
  ])('%s', (_, groups, said) => {
    expect(() => apply(groups)).toThrow(
      expect.objectContaining({
        name: 'PackError',
        message: expect.stringContaining(said) as string,
      }) as Error,
    )
  })

  test('and does not say so as a delta', () => {
    try {
      apply([group({ ...whole, targetBytes: 101 })])
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'PACK_CORRUPT' })
      expect((error as Error).cause).toBeInstanceOf(DeltaError)
    }
  })
})

test('a basis of another size than the manifest says counts as missing', () => {
  const pack = makeMemoryPack(world, [{ what: 'content', position: 0, bases: [0] }], {
    partBytes: 1 << 20,
    isGroupFull: () => false,
  })
  const target = new (class extends MemoryPackTarget {
    override openBasis() {
      return viewBytes(basis.subarray(1))
    }
  })(world)
  const reader = new PackReader(viewBytes(pack))
  reader.apply(target, 0, reader.header.groups.length)
  expect(target.abandoned).toEqual(['content 0'])
  expect(target.bytesWritten).toBe(0)
})
