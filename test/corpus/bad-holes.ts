import { badFile, type BadSource } from './bad-source.ts'
import { octal, pax, tarOf, type MemberRecipe } from './tar-maker.ts'

type Extent = readonly [offset: number, length: number]

function bad(name: string, members: readonly MemberRecipe[], ...says: readonly string[]): BadSource {
  return badFile(name, () => tarOf(members), 'SOURCE_REFUSED', ...says)
}

const data = (bytes: number): Buffer => Buffer.alloc(bytes, 'd')

/** GNU's old form: the map is in the header. */
function old(path: string, size: number, map: readonly Extent[], stored: number): MemberRecipe {
  return {
    path,
    type: 'S',
    content: data(stored),
    patch: (header) => {
      for (const [i, [offset, length]] of map.entries()) {
        header.write(octal(offset, 11), 386 + 24 * i)
        header.write(octal(length, 11), 398 + 24 * i)
      }
      header.write(octal(size, 11), 483)
    },
  }
}

/** Version 1.0: the map is before the data. */
function one(path: string, size: number | string, map: string, stored: number): MemberRecipe[] {
  const head = Buffer.alloc(512 * Math.ceil(map.length / 512))
  head.write(map)
  return [
    pax([
      'GNU.sparse.major=1',
      'GNU.sparse.minor=0',
      `GNU.sparse.name=${path}`,
      `GNU.sparse.realsize=${size}`,
    ]),
    { path: `GNUSparseFile.0/${path}`, content: Buffer.concat([head, data(stored)]) },
  ]
}

function zero(path: string, records: readonly string[], stored: number): MemberRecipe[] {
  return [pax([`GNU.sparse.name=${path}`, ...records]), { path: 'x', content: data(stored) }]
}

/** Maps of files with holes. */
export const badHoles: readonly BadSource[] = [
  bad(
    'data that overlap',
    [
      old(
        'over',
        9000,
        [
          [0, 600],
          [512, 400],
        ],
        1000,
      ),
    ],
    'over in',
    'data at 512 after data up to 600',
  ),
  bad(
    'data that go backwards',
    [
      old(
        'back',
        9000,
        [
          [4096, 512],
          [0, 512],
        ],
        1024,
      ),
    ],
    'back in',
    'its map goes backwards',
  ),
  bad(
    'data past the size',
    [old('past', 1000, [[512, 512]], 512)],
    'past in',
    'data up to 1024, past its size of 1000',
  ),
  bad(
    'more data than there are',
    [old('more', 9000, [[0, 1024]], 512)],
    'more in',
    'its map has 1024 bytes of data, and the archive 512',
  ),
  bad(
    'fewer data than there are',
    [old('less', 9000, [[0, 512]], 600)],
    'less in',
    'its map has 512 bytes of data, and the archive 600',
  ),
  bad(
    'an old map in words',
    [{ ...old('text', 9000, [], 0), patch: (header) => header.write('garbage', 386) }],
    'text in',
    'a field that is no number',
  ),
  bad(
    'an old map that overlaps, by PAX',
    zero('over0', ['GNU.sparse.size=9000', 'GNU.sparse.map=0,600,512,400'], 1000),
    'over0 in',
    'after data up to 600',
  ),
  bad(
    'a map with an offset and no length',
    zero('odd', ['GNU.sparse.size=9000', 'GNU.sparse.map=0,600,512'], 600),
    'odd in',
    'an offset without a length',
  ),
  bad(
    'a map in words',
    zero('words', ['GNU.sparse.size=9000', 'GNU.sparse.map=0,many'], 0),
    'words in',
    '"GNU.sparse.map" says "many"',
  ),
  bad(
    'a map with negative numbers',
    zero('neg', ['GNU.sparse.size=9000', 'GNU.sparse.map=-512,512'], 512),
    'neg in',
    'says "-512"',
  ),
  bad(
    'two offsets in turn',
    zero('turn', ['GNU.sparse.size=9', 'GNU.sparse.offset=0', 'GNU.sparse.offset=1'], 0),
    'turn in',
    '"GNU.sparse.offset" where "GNU.sparse.numbytes" is due',
  ),
  bad(
    'no size',
    zero('sizeless', ['GNU.sparse.map=0,512'], 512),
    'sizeless in',
    '"GNU.sparse.size" is missing',
  ),
  bad(
    'a version that is not known',
    zero('newer', ['GNU.sparse.major=2', 'GNU.sparse.minor=0'], 0),
    'newer in',
    'sparse in version 2.0',
  ),
  bad(
    'a map longer than its data',
    one('short', 9000, `999\n${'512\n'.repeat(127)}`, 0),
    'short in',
    'goes on past the end of its data',
  ),
  bad(
    'a map before the data in words',
    one('prose', 9000, '1\nzero\n512\n', 512),
    'prose in',
    'a line of its map',
  ),
  bad(
    'a map in one long line',
    one('line', 9000, '1'.repeat(600), 512),
    'line in',
    'a line that is no number',
  ),
  bad(
    'a map of a billion pieces',
    one('billion', 9000, '1000000000\n', 512),
    'billion in',
    '1000000000 pieces of data; the limit is 1000000',
  ),
  bad(
    'data before the data that overlap',
    one('over1', 9000, '2\n0\n600\n512\n400\n', 1000),
    'over1 in',
    'after data up to 600',
  ),
  bad(
    'a size of more than 2 to the 53',
    one('vast', '9999999999999999999', '0\n', 0),
    'vast in',
    '"GNU.sparse.realsize" says',
  ),
  bad(
    'a directory with holes',
    [pax(['GNU.sparse.size=1', 'GNU.sparse.map=0,0']), { path: 'dir', type: '5' }],
    'dir in',
    'has a map of holes, and is no file',
  ),
  bad(
    'two maps',
    [pax(['GNU.sparse.size=9000', 'GNU.sparse.map=0,512']), old('both', 9000, [[0, 512]], 512)],
    'both in',
    'has two maps of holes',
  ),
  bad(
    'a name up by a sparse record',
    one('../../sparse', 512, '1\n0\n512\n', 512),
    '../../sparse in',
    'leads up',
  ),
]
