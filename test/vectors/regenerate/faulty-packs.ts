import type { PackErrorCode } from '../../../src/pack/errors.ts'
import {
  buildPack,
  bytesOf,
  type Field,
  type Group,
  type PackSides,
  type Parts,
  type Streams,
} from './build-pack.ts'
import { sideOf } from './pack-side.ts'

export interface FaultyPack {
  readonly name: string
  readonly comment: string
  readonly pack: Uint8Array
  readonly code: PackErrorCode
}

const alphabet = Buffer.from('abcdefghijklmnopqrstuvwxyz')

/** Two small contents from two smaller ones. */
export function faultyWorld(): PackSides {
  const copied = Buffer.from(alphabet.subarray(2, 22))
  copied[5] = (copied[5] as number) - 32
  return {
    from: sideOf([alphabet, Buffer.from('the second content')]),
    to: sideOf([
      Buffer.concat([Buffer.from('>> '), copied, Buffer.from('the end')]),
      Buffer.from('0123456789'),
    ]),
  }
}

/** Of which the others are variations; all streams are stored as they are. */
export function rightPack(world: PackSides): Uint8Array {
  return buildPack(world, { groups: [wholeManifest(world), contents()] })
}

/** Each has one fault. */
export function faultyPacks(world: PackSides): FaultyPack[] {
  const manifest = wholeManifest(world)
  const right = [manifest, contents()]
  const whole = (parts: Partial<Parts>): Buffer => buildPack(world, { groups: right, ...parts })
  const withContents = (group: Partial<Group>): Buffer =>
    buildPack(world, { groups: [manifest, { ...contents(), ...group }] })
  const withStreams = (changed: Readonly<Record<number, readonly Field[]>>, target?: number): Buffer =>
    withContents({ streams: replaced(changed), ...(target !== undefined && { target }) })
  const pack = whole({})
  const corrupt = (name: string, comment: string, bytes: Uint8Array): FaultyPack => {
    return { name, comment, pack: bytes, code: 'PACK_CORRUPT' }
  }
  const unsupported = (name: string, comment: string, bytes: Uint8Array): FaultyPack => {
    return { name, comment, pack: bytes, code: 'PACK_UNSUPPORTED' }
  }
  const tooLarge = (name: string, comment: string, bytes: Uint8Array): FaultyPack => {
    return { name, comment, pack: bytes, code: 'PACK_TOO_LARGE' }
  }
  const MiB = 1 << 20
  const limit = 24 * MiB
  return [
    corrupt('magic', 'it begins otherwise (§10.1.1)', whole({ magic: 'VENDPACK'.toLowerCase() })),
    corrupt('preamble-short', 'it ends inside the preamble (§10.1.1)', pack.subarray(0, 19)),
    unsupported('version', 'version 2 (§10.1.1)', whole({ version: 2 })),
    tooLarge('header-large', 'a header of more than 4 MiB (§10.1.1)', whole({ more: { plain: 4 * MiB } })),
    corrupt('header-cut', 'it ends inside the header (§10.1.2)', pack.subarray(0, 30)),
    corrupt(
      'header-long',
      'the header has a byte less than declared (§10.1.2)',
      whole({ more: { plain: 1 } }),
    ),
    corrupt(
      'header-short',
      'the header has a byte more than declared (§10.1.2)',
      whole({ more: { plain: -1 } }),
    ),
    corrupt('header-frame', 'the frame of the header is cut off (§10.1.2)', whole({ more: { stored: -1 } })),
    corrupt('header-rest', 'a byte behind the groups in the header (§10.1.2)', whole({ rest: [0] })),
    unsupported('kind', 'kind 2 (§10.1.2)', whole({ kind: 2 })),
    tooLarge('groups', '65,537 groups (§10.6)', whole({ count: [65537], groups: [] })),
    corrupt('groups-few', 'fewer groups than declared (§10.1.2)', whole({ count: [3] })),
    corrupt('number-long', 'a number of 9 bytes (§10 rule 2)', whole({ count: ['x828080808080808000'] })),
    corrupt('number-large', 'a number of 2^53 (§10 rule 2)', whole({ count: ['x8080808080808010'] })),
    unsupported('group-flags', 'a group with the flag 2 (§10.2.1)', withContents({ flags: 3 })),
    tooLarge(
      'group-large',
      'a group of more than 24 MiB (§10.6)',
      withContents({ sizes: { 8: [limit, 20] } }),
    ),
    corrupt(
      'stored-more',
      'a stream stored in more than it has (§10.2.2)',
      withContents({ sizes: { 8: [20, 21] } }),
    ),
    corrupt(
      'stored-nothing',
      'a stream stored in nothing (§10.2.2)',
      withContents({ sizes: { 8: [20, 0] } }),
    ),
    corrupt('no-frame', 'a stream that is no frame (§10.2.3)', withContents({ sizes: { 8: [21, 20] } })),
    corrupt('group-cut', 'it ends inside a group (§10.2.4)', pack.subarray(0, -1)),
    corrupt(
      'target-less',
      'a group that makes more than it declares (§10.2.1)',
      withContents({ target: 39 }),
    ),
    corrupt(
      'target-more',
      'a group that makes less than it declares (§10.2.1)',
      withContents({ target: 41 }),
    ),
    corrupt('left-over', 'a literal too many (§10.2.5)', withStreams({ 8: [literals, 'x00'] })),
    corrupt('no-literal', 'a literal too few (§11.1.4)', withStreams({ 8: [literals.subarray(1)] })),
    unsupported(
      'line',
      'a line of the kind 3 (§10.3.1)',
      withStreams({ 0: [3, ...first.slice(1), ...second] }),
    ),
    unsupported(
      'content-flags',
      'a content with the flag 4 (§10.3.2)',
      withStreams({ 0: [1, 4, ...first.slice(2), ...second] }),
    ),
    corrupt(
      'index-cut',
      'an index that ends inside a line (§10.3.1)',
      withStreams({ 0: [...first, ...second.slice(0, -1)] }),
    ),
    corrupt(
      'position',
      'a position where no content begins (§10.3.3)',
      withStreams({ 0: [...first, 1, 0, 's1', ...second.slice(3)] }),
    ),
    corrupt(
      'basis',
      'a basis where no content begins (§10.3.3)',
      withStreams({ 0: [1, 0, 's0', 1, 's2', 1, 30, ...second] }),
    ),
    corrupt(
      'bases',
      'nine bases (§10.3.2)',
      withStreams({ 0: [1, 0, 's0', 9, ...Array<Field>(9).fill('s0'), 1, 30, ...second] }),
    ),
    corrupt(
      'order',
      'the second content before the first (§10.3.8)',
      withStreams({
        0: [1, 0, 's30', ...second.slice(3), 1, 0, 's-40', ...first.slice(3)],
        8: [literals.subarray(10), literals.subarray(0, 10)],
      }),
    ),
    corrupt(
      'twice',
      'a content twice (§10.3.8)',
      withStreams({ 0: [...first, 1, 0, 's-30', ...first.slice(3)] }, 60),
    ),
    corrupt(
      'continued',
      'a group that goes on with no content (§10.3.9)',
      withStreams({ 0: [0, 30, ...second] }),
    ),
    corrupt(
      'completed',
      'a content that goes on behind its end (§10.3.9)',
      withStreams({ 0: [...first, 0, 0, ...second] }),
    ),
    corrupt(
      'unfinished',
      'a content that is not made to its end (§10.3.9)',
      withStreams({ 0: [...first, ...second.slice(0, -1), 9], 8: [literals.subarray(0, -1)] }, 39),
    ),
    corrupt(
      'part-long',
      'a part that goes beyond its content (§11.3.3)',
      withStreams({ 0: [...first, ...second.slice(0, -1), 11] }, 41),
    ),
    corrupt('copy-empty', 'a copy of nothing (§11.1.2)', withStreams({ 2: [0] })),
    corrupt('copy-behind', 'a copy from behind the basis (§11.1.2)', withStreams({ 3: ['s7'] })),
    corrupt('copy-before', 'a copy from before the basis (§11.1.2)', withStreams({ 3: ['s-1'] })),
    corrupt('copy-target', 'a copy to behind the target (§11.1.2)', withStreams({ 1: [11] })),
    tooLarge(
      'copies',
      '262,145 copies (§10.6)',
      withStreams({ 0: [1, 0, 's0', 1, 's0', 262145, 30, ...second] }),
    ),
    corrupt(
      'step',
      'a part that ends inside a step (§11.3.1)',
      withStreams({ 0: [...first.slice(0, -1), 13, 0, 17, ...second] }),
    ),
    corrupt('run-empty', 'a run of nothing (§11.2.3)', withStreams({ 6: [0] })),
    corrupt(
      'run-long',
      'a run that goes beyond the copied bytes (§11.2.4)',
      withStreams({ 6: [16], 7: [Buffer.alloc(16)] }),
    ),
    corrupt('gap-long', 'a gap that goes beyond the copied bytes (§11.2.4)', withStreams({ 5: [5, 15] })),
    corrupt('no-gap', 'a gap that is not there (§11.2.4)', withStreams({ 5: [5] })),
    corrupt('no-difference', 'a difference that is not there (§11.2.3)', withStreams({ 7: [] })),
    corrupt(
      'predicted',
      'references predicted of a basis that is no executable (§13.1)',
      withStreams({ 0: [1, 1, ...first.slice(2), ...second], 4: [0] }),
    ),
    tooLarge(
      'repack-large',
      'a content with a plain form of more than 16 MiB (§10.6)',
      withRepack(withStreams, 16 * MiB + 1, []),
    ),
    corrupt(
      'repack-much',
      'a content of 30 bytes from a plain form of 31,993 (§10.6)',
      withRepack(withStreams, 1032 * 31 + 1, []),
    ),
    corrupt('recipe-version', 'a recipe of version 2 (§12.2)', withRepack(withStreams, 30, [2, 30, 0, 0])),
    corrupt(
      'recipe-length',
      'a recipe that makes another length (§12.2.3)',
      withRepack(withStreams, 30, [1, 29, 0, 0]),
    ),
    corrupt(
      'recipe-rest',
      'a recipe with a byte left (§12.2.3)',
      withRepack(withStreams, 30, [1, 30, 0, 0, 0]),
    ),
    corrupt(
      'recipe-long-number',
      'a recipe with a number of more bytes than it needs (§12.2.1)',
      withRepack(withStreams, 30, [1, 'x9e00', 0, 0]),
    ),
    corrupt(
      'recipe-parameters',
      'a recipe with a level of 0 (§12.3)',
      withRepack(withStreams, 30, [1, 30, 1, 0, 0]),
    ),
    corrupt(
      'recipe-stream',
      'a recipe whose stream is longer than the target (§12.2.3)',
      withRepack(withStreams, 30, [1, 30, 1, 6, 1, 0, 31]),
    ),
    ...columnFaults(world, corrupt),
  ]
}

function wholeManifest({ to }: PackSides): Group {
  const { manifest } = to
  return {
    flags: 1,
    target: manifest.length,
    streams: [[2, 0, 's0', 0, 0, manifest.length], [], [], [], [], [], [], [], [manifest]],
  }
}

/** Lines of the index: from the first old content, and from nothing. */
const first: readonly Field[] = [1, 0, 's0', 1, 's0', 1, 30]
const second: readonly Field[] = [1, 0, 's0', 0, 0, 10]
const literals = Buffer.from('>> the end0123456789')
const streams: Streams = [[...first, ...second], [3], [20], ['s2'], [], [5, 14], [1], ['xe0'], [literals]]

function contents(): Group {
  return { flags: 1, target: 40, streams }
}

function replaced(changed: Readonly<Record<number, readonly Field[]>>): Streams {
  return streams.map((stream, index) => changed[index] ?? stream)
}

/** The second content from a plain form, which its literals are. */
function withRepack(
  withStreams: (changed: Readonly<Record<number, readonly Field[]>>, target?: number) => Buffer,
  plainBytes: number,
  recipe: readonly Field[],
): Buffer {
  const bytes = bytesOf(recipe)
  const line = [1, 2, 's0', 0, plainBytes, bytes.length, bytes, 0, 30, ...second]
  const none: readonly Field[] = []
  const changed = {
    0: line,
    1: none,
    2: none,
    3: none,
    5: none,
    6: none,
    7: none,
    8: [Buffer.alloc(40, 0x2e)],
  }
  return withStreams(changed)
}

/** A manifest whose columns do not fit each other. */
function columnFaults(
  world: PackSides,
  corrupt: (name: string, comment: string, bytes: Uint8Array) => FaultyPack,
): FaultyPack[] {
  const packOf = (columns: Uint8Array): Buffer => {
    const line = [2, 2, 's0', 0, columns.length, 0, 0, columns.length]
    const group = { flags: 1, target: columns.length, streams: [line, [], [], [], [], [], [], [], [columns]] }
    return buildPack(world, { groups: [group, contents()] })
  }
  const { manifest } = world.to
  const text = Buffer.from(manifest.toString('latin1').replaceAll(/sha256:[0-9a-f]{64}/g, ''), 'latin1')
  const head = Buffer.alloc(4)
  head.writeUInt32LE(text.length)
  return [
    corrupt('columns-head', 'columns of 3 bytes (§10.5.4)', packOf(head.subarray(0, 3))),
    corrupt(
      'columns-text',
      'columns that end inside their text (§10.5.4)',
      packOf(Buffer.concat([head, text.subarray(1)])),
    ),
    corrupt('columns-few', 'columns without digests (§10.5.4)', packOf(Buffer.concat([head, text]))),
    corrupt(
      'columns-many',
      'columns with a digest too many (§10.5.4)',
      packOf(Buffer.concat([head, text, Buffer.alloc(32 * 4)])),
    ),
  ]
}
