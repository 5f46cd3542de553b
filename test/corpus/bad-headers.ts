import { badFile, type BadSource } from './bad-source.ts'
import { base256, memberOf, pax, paxRecord, tarOf, type MemberRecipe } from './tar-maker.ts'

function bad(
  name: string,
  members: readonly MemberRecipe[],
  code: string,
  ...says: readonly string[]
): BadSource {
  return badFile(name, () => tarOf(members), code, ...says)
}

const refused = 'SOURCE_REFUSED'
const damaged = 'SOURCE_DAMAGED'
const end = Buffer.alloc(1024)
const file: MemberRecipe = { path: 'file', content: 'content' }
const sized = (path: string, sizeField: Buffer): MemberRecipe => ({ path, sizeField })
const field = (path: string, start: number, text: string | Buffer): MemberRecipe => ({
  path,
  patch: (header) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : text).copy(header, start),
})
/** A PAX header of these very bytes. */
const rawPax = (text: string, type = 'x'): MemberRecipe => ({
  path: 'PaxHeaders/raw',
  type,
  content: Buffer.from(text, 'latin1'),
})
const xattr = (name: string, value = 'v'): MemberRecipe => pax([`SCHILY.xattr.${name}=${value}`])
const cut = (bytes: number, ...members: readonly MemberRecipe[]): Buffer =>
  Buffer.concat(members.map(memberOf)).subarray(0, bytes)

/** Numbers, checksums, ends, and what stands in extended headers. */
export const badHeaders: readonly BadSource[] = [
  bad(
    'a size of 8 EiB',
    [sized('eib', base256(1n << 63n, 12))],
    refused,
    'eib in',
    'a size that is no number, or too large',
  ),
  bad('a size of 2 to the 80', [sized('yib', base256(1n << 80n, 12))], refused, 'yib in', 'or too large'),
  bad('a negative size', [sized('minus', base256(-512n, 12))], refused, 'minus in', 'the negative size -512'),
  bad(
    'a size in words',
    [sized('words', Buffer.from('not a number'))],
    refused,
    'words in',
    'a size that is no number',
  ),
  bad(
    'a size in decimal digits',
    [sized('nines', Buffer.from('00000000999\0'))],
    refused,
    'nines in',
    'a size that is no number',
  ),
  bad('a negative size by PAX', [pax(['size=-1']), file], refused, '"size" says "-1"'),
  bad(
    'a huge size by PAX',
    [pax([`size=${'9'.repeat(20)}`]), file],
    refused,
    '"size" says "99999999999999999999"',
  ),
  bad(
    'another size by PAX',
    [pax(['size=512']), file],
    refused,
    'file in',
    'has 7 bytes by its header and 512 by PAX',
  ),
  bad(
    'no size by PAX',
    [pax(['size=0']), { ...file, path: 'nil' }],
    refused,
    'nil in',
    'has 7 bytes by its header and 0 by PAX',
  ),
  bad(
    'a size that is not there',
    [sized('huge', Buffer.from('77777777777\0'))],
    damaged,
    'huge in',
    'is cut off at byte 1536',
  ),
  bad(
    'an owner beyond 32 bits',
    [field('owned', 108, base256(1n << 32n, 8))],
    refused,
    'owned in',
    'has the owner 4294967296',
  ),
  bad(
    'an owner that is nobody',
    [field('owned2', 108, base256(0xff_ff_ff_ffn, 8))],
    refused,
    'owned2 in',
    'has the owner 4294967295',
  ),
  bad(
    'a negative group',
    [field('grouped', 116, base256(-5n, 8))],
    refused,
    'grouped in',
    'has the group -5',
  ),
  bad(
    'an owner in words',
    [field('worded', 108, 'nobody\0\0')],
    refused,
    'worded in',
    'the owner that is no number',
  ),
  bad(
    'a mode in words',
    [field('moded', 100, 'rwxr-xr-')],
    refused,
    'moded in',
    'the mode that is no number',
  ),
  bad(
    'an mtime in words',
    [field('timed', 136, 'yesterday\0\0\0')],
    refused,
    'timed in',
    'an mtime that is no number',
  ),
  bad(
    'an mtime beyond all numbers',
    [field('late', 136, base256(1n << 70n, 12))],
    refused,
    'late in',
    'an mtime that is no number',
  ),
  bad(
    'a checksum that is wrong',
    [{ ...file, spoil: (header) => header.write('!', 0) }],
    damaged,
    'the header at byte 0 has the checksum',
  ),
  bad(
    'a later checksum that is wrong',
    [file, { ...file, spoil: (header) => header.write('!', 5) }],
    damaged,
    'the header at byte 1024 has the checksum',
  ),
  bad(
    'no checksum',
    [{ ...file, spoil: (header) => header.fill(' ', 148, 156) }],
    damaged,
    'has no checksum where',
  ),
  bad('an unknown magic', [field('magic', 257, 'other')], damaged, 'is of no kind of tar'),
  badFile(
    'a text',
    () => Buffer.from('Not an archive. '.repeat(100)),
    damaged,
    'the header at byte 0',
    'or no tar archive',
  ),
  badFile('nothing', () => Buffer.alloc(0), damaged, 'is cut off at byte 0, without the blocks of zeros'),
  badFile(
    'a header that is cut off',
    () => cut(300, file),
    damaged,
    'is cut off at byte 0, in the middle of a header',
  ),
  badFile(
    'a content that is cut off',
    () => cut(515, { ...file, path: 'half' }),
    damaged,
    'half in',
    'is cut off at byte 515',
  ),
  badFile(
    'padding that is cut off',
    () => cut(700, { ...file, path: 'pad' }),
    damaged,
    'pad in',
    'is cut off at byte 700',
  ),
  badFile('no end', () => cut(1024, file), damaged, 'is cut off at byte 1024, without the blocks of zeros'),
  badFile(
    'half an end',
    () => Buffer.concat([memberOf(file), Buffer.alloc(512)]),
    damaged,
    'within the blocks of zeros',
  ),
  badFile(
    'zeros in the middle',
    () => Buffer.concat([memberOf(file), Buffer.alloc(512), memberOf({ path: 'hidden' }), end]),
    damaged,
    'a single block of zeros in its middle, at byte 1024',
  ),
  badFile(
    'an archive after the end',
    () => Buffer.concat([tarOf([file]), tarOf([{ path: 'hidden' }])]),
    refused,
    'goes on after its end at byte 1024',
  ),
  badFile(
    'noise after the end',
    () => Buffer.concat([tarOf([file, file].slice(1)), Buffer.alloc(9000), Buffer.from('x')]),
    refused,
    'goes on after its end',
  ),
  badFile(
    'an extended header that is cut off',
    () => cut(600, pax([`comment=${'c'.repeat(400)}`])),
    damaged,
    'is cut off at byte 600',
  ),
  bad('an extended header and the end', [file, pax(['path=x'])], damaged, 'ends after an extended header'),
  bad(
    'a record without a length',
    [rawPax('path=x\n'), file],
    refused,
    'extended header before byte 1024',
    'does not begin with its length',
  ),
  bad('a record of length 0', [rawPax('0 path=x\n'), file], refused, 'does not begin with its length'),
  bad(
    'a record of a negative length',
    [rawPax('-9 path=x\n'), file],
    refused,
    'does not begin with its length',
  ),
  bad(
    'a record with too many digits',
    [rawPax('00000000000000000009 p=x\n'), file],
    refused,
    'does not begin with its length',
  ),
  bad(
    'a record past the end',
    [rawPax('99 path=x\n'), file],
    refused,
    'a record of 99 bytes reaches past the end',
  ),
  bad(
    'a record past the end by far',
    [rawPax('999999999 path=x\n'), file],
    refused,
    'a record of 999999999 bytes reaches past',
  ),
  bad(
    'a record shorter than its length',
    [rawPax('2 path=x\n'), file],
    refused,
    'a record of 2 bytes is shorter than',
  ),
  bad(
    'a record without a newline',
    [rawPax('9 path=xy'), file],
    refused,
    'a record of 9 bytes does not end with a newline',
  ),
  bad('a record without "="', [rawPax('9 path:x\n'), file], refused, 'a record has no "="'),
  bad('a record without a key', [rawPax('6 =ab\n'), file], refused, 'a record has no key'),
  bad(
    'a record within another',
    [rawPax(`${paxRecord('path=x').toString('latin1')}9 size`), file],
    refused,
    'a record of 9 bytes reaches past',
  ),
  bad('a name that is empty by PAX', [pax(['path=']), file], refused, '"path" is empty'),
  bad('a time in words', [pax(['mtime=noon']), file], refused, '"mtime" says "noon", which is no time'),
  bad('a time beyond all numbers', [pax([`mtime=${'9'.repeat(30)}`]), file], refused, 'which is no time'),
  bad('an owner in words by PAX', [pax(['uid=root']), file], refused, '"uid" says "root"'),
  bad(
    'an owner beyond 32 bits by PAX',
    [pax([`uid=${2 ** 32}`]), { path: 'paxowned' }],
    refused,
    'paxowned in',
    'has the owner 4294967296',
  ),
  bad(
    'two extended headers',
    [pax(['mtime=1']), pax(['mtime=2']), file],
    refused,
    'has two extended headers for one member',
  ),
  bad(
    'an extended header of 9 MiB',
    [pax([`comment=${'c'.repeat(9 << 20)}`]), file],
    'SOURCE_TOO_LARGE',
    'an extended header has 94',
  ),
  bad('a name for all members', [pax(['path=all'], 'g'), file], refused, 'the global header says "path"'),
  bad('a size for all members', [pax(['size=0'], 'g'), file], refused, 'the global header says "size"'),
  bad(
    'a link text for all members',
    [pax(['linkpath=/etc'], 'g'), file],
    refused,
    'the global header says "linkpath"',
  ),
  bad(
    'an attribute for all members',
    [pax(['SCHILY.xattr.security.capability=x'], 'g'), file],
    refused,
    'the global header says "SCHILY.xattr',
  ),
  bad(
    'a global header that is none',
    [rawPax('junk', 'g'), file],
    refused,
    'the global header before byte 1024',
    'does not begin with its length',
  ),
  bad(
    'an owner for all that is none',
    [pax(['uid=x'], 'g'), file],
    refused,
    'the global header before byte',
    '"uid" says "x"',
  ),
  bad(
    'an attribute without a namespace',
    [xattr('capability'), file],
    refused,
    'the extended attribute "capability"',
    'a namespace, a dot and a name',
  ),
  bad('an attribute with an empty name', [xattr('user.'), file], refused, 'the extended attribute "user."'),
  bad(
    'an attribute with too long a name',
    [xattr(`user.${'n'.repeat(251)}`), file],
    refused,
    'the extended attribute "user.nnn',
  ),
  bad(
    'an attribute with NUL in its name',
    [xattr('user.a\0b'), file],
    refused,
    'the extended attribute "user.a',
  ),
  bad(
    'an attribute whose name is not UTF-8',
    [xattr('user.caf\xe9'), file],
    refused,
    'the extended attribute "user.caf',
  ),
  bad(
    'an attribute of 65537 bytes',
    [xattr('user.fat', 'v'.repeat(65_537)), file],
    refused,
    'user.fat has 65537 bytes',
  ),
  bad(
    'an attribute that is not base64',
    [pax(['LIBARCHIVE.xattr.user.b=***']), file],
    refused,
    '"LIBARCHIVE.xattr.user.b" is not base64',
  ),
  bad(
    'an attribute with two values',
    [pax(['SCHILY.xattr.user.two=a', 'LIBARCHIVE.xattr.user.two=Yg']), file],
    refused,
    'user.two is said twice',
  ),
  bad(
    'an ACL with a name and no number',
    [pax(['SCHILY.acl.access=user::rw-,user:joe:rwx,group::r--,mask::rwx,other::---']), file],
    refused,
    'has an ACL for "joe", and not its number',
  ),
  bad(
    'an ACL that is none',
    [pax(['SCHILY.acl.access=everyone may']), file],
    refused,
    'has an ACL with the entry "everyone may"',
  ),
  bad(
    'an ACL without an owner',
    [pax(['SCHILY.acl.default=group::r--,other::---']), file],
    refused,
    'without exactly one entry each',
  ),
  bad(
    "star's form of sparse files",
    [pax(['SCHILY.realsize=1000']), file],
    refused,
    "star's own form of sparse files",
  ),
]
