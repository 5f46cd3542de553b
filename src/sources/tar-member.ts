import { maxId } from '../../manifests/entry-limits.ts'
import type { Metadata, Mtime, SourceEntry, SparseMap } from '../../manifests/entry.ts'
import { maxPathBytes, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { memberPath } from './member-path.ts'
import type { PaxAttributes } from './pax-attributes.ts'
import type { TarHeader } from './tar-header.ts'

/** What a member is called and how much data follow its header, once everything before it was read. */
export interface MemberFacts {
  readonly header: TarHeader
  readonly attributes: PaxAttributes
  readonly name: string
  readonly linkName: string
  /** Bytes of data in the archive. */
  readonly size: number
  /** Whether a slash before a name stands for the root of the tree. */
  readonly isRooted: boolean
}

const maxSizeInHeader = 0o77_777_777_777

/** The oldest archives have no type for directories, and a slash after their names. */
const oldFile = '\0'

const regularTypes = new Set([oldFile, '0', '7', 'S'])

const unsupported: ReadonlyMap<string, string> = new Map([
  ['D', "a directory of GNU tar's incremental form; make the archive without --listed-incremental"],
  ['M', 'a part of an archive in several volumes; put them together first'],
  ['N', 'of an old form of long names; make the archive with a newer tar'],
  ['X', "of Sun's own form of extended headers; make the archive with --format=pax"],
])

/** Whether it is a file, with or without holes. */
export function isRegular({ header, name }: MemberFacts): boolean {
  return regularTypes.has(header.type) && !(header.type === oldFile && name.endsWith('/'))
}

/** The entry of a member; `file` says where the data of a file lie. Throws an Error that says in words what is wrong. */
export function entryOf(facts: MemberFacts, file: { readonly sparse: SparseMap | undefined }): SourceEntry {
  const { header, name, size } = facts
  const path = memberPath(name, facts.isRooted)
  if (isRegular(facts)) {
    if (name.endsWith('/'))
      throw new Error('is a file by its type, and a directory by the slash after its name')
    const { sparse } = file
    const bytes = sparse === undefined ? size : sparse.data.reduce((sum, [, length]) => sum + length, 0)
    return {
      type: 'file',
      path: notRoot(path),
      ...metadataOf(facts),
      size: bytes,
      ...(sparse !== undefined && { sparse }),
    }
  }
  if (size !== 0) {
    const what = unsupported.get(header.type) === undefined ? 'is no file, and' : 'is of another kind, and'
    throw new Error(`${what} announces ${size} bytes of content, which programs read differently`)
  }
  return otherEntryOf(facts, path)
}

/**
 * Bytes of data after a header. Throws an Error for none that a file can have, and for one that PAX contradicts: a
 * header that could have said the same hides something from one kind of reader.
 */
export function dataSizeOf({ size = 0 }: TarHeader, paxSize?: number): number {
  if (Number.isNaN(size)) throw new Error('has a size that is no number, or too large for any file')
  if (size < 0) throw new Error(`has the negative size ${size}`)
  if (paxSize === undefined || paxSize === size) return size
  if (size === 0 || paxSize > maxSizeInHeader) return paxSize
  throw new Error(
    `has ${size} bytes by its header and ${paxSize} by PAX, so that programs read different archives`,
  )
}

function otherEntryOf(facts: MemberFacts, path: TreePath): SourceEntry {
  const { header, linkName } = facts
  switch (header.type) {
    case oldFile:
    case '5':
      return { type: 'directory', path, ...metadataOf(facts) }
    case '1':
      return { type: 'hardlink', path: notRoot(path), target: linkTarget(facts) }
    case '2': {
      const { mode: _mode, ...owner } = metadataOf(facts)
      return { type: 'symlink', path: notRoot(path), ...owner, target: linkText(linkName) }
    }
    case '3':
      return { type: 'character', path: notRoot(path), ...metadataOf(facts), device: deviceOf(facts) }
    case '4':
      return { type: 'block', path: notRoot(path), ...metadataOf(facts), device: deviceOf(facts) }
    case '6':
      return { type: 'fifo', path: notRoot(path), ...metadataOf(facts) }
    default:
      throw new Error(
        `is ${unsupported.get(header.type) ?? `of the unknown type ${JSON.stringify(header.type)}`}`,
      )
  }
}

function metadataOf({ header, attributes }: MemberFacts): Metadata {
  return {
    mode: withGroupBits(checked(header.mode ?? 0, 'mode', 0o7_777_777) & 0o7777, attributes.groupBits),
    uid: checked(attributes.uid ?? header.uid ?? 0, 'owner', maxId),
    gid: checked(attributes.gid ?? header.gid ?? 0, 'group', maxId),
    mtime: attributes.mtime ?? mtimeOf(header.mtime ?? 0),
    xattrs: attributes.xattrs,
  }
}

function withGroupBits(mode: number, bits: number | undefined): number {
  return bits === undefined ? mode : (mode & ~0o070) | (bits << 3)
}

function mtimeOf(seconds: number): Mtime {
  if (Number.isNaN(seconds)) throw new Error('has an mtime that is no number')
  return { seconds, nanos: 0 }
}

function deviceOf({ header, attributes }: MemberFacts): { readonly major: number; readonly minor: number } {
  return {
    major: checked(attributes.major ?? header.major ?? 0, 'major device number', 0xff_ff_ff_ff),
    minor: checked(attributes.minor ?? header.minor ?? 0, 'minor device number', 0xff_ff_ff_ff),
  }
}

function checked(value: number, what: string, limit: number): number {
  if (value >= 0 && value <= limit) return value
  const shown = Number.isNaN(value) ? 'that is no number' : `${value}`
  throw new Error(`has the ${what} ${shown}; it must be 0 to ${limit}`)
}

function notRoot(path: TreePath): TreePath {
  if (path === rootPath) throw new Error('has the name of the root of the tree, and is no directory')
  return path
}

function linkTarget({ linkName, isRooted }: MemberFacts): TreePath {
  try {
    return memberPath(linkName, isRooted)
  } catch (error) {
    throw new Error(`is a hard link to what ${(error as Error).message}`, { cause: error })
  }
}

function linkText(text: string): string {
  if (text !== '' && text.length <= maxPathBytes) return text
  throw new Error(`is a symbolic link with a text of ${text.length} bytes; it must be 1 to ${maxPathBytes}`)
}
