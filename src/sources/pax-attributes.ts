import { maxXattrBytes } from '../../manifests/entry-limits.ts'
import type { Mtime } from '../../manifests/entry.ts'
import { byteStringFromBytes, textOf } from '../../manifests/tree-path.ts'
import { isXattrName, xattrNameRule } from '../../manifests/xattr-name.ts'
import { parseTextAcl } from './text-acl.ts'
import type { PaxRecord } from './pax-records.ts'

/** What the records before a member say of it. Undefined is what they do not. */
export interface PaxAttributes {
  path?: string
  linkPath?: string
  size?: number
  uid?: number
  gid?: number
  mtime?: Mtime
  major?: number
  minor?: number
  /** In place of the mode's own: an ACL's mask. */
  groupBits?: number
  /** By the names of the extended attributes that the kernel keeps them in. */
  readonly textAcls: Map<string, string>
  readonly xattrs: Map<string, Uint8Array>
  /** The records of GNU's sparse formats, in their order: one of them repeats keys. */
  readonly sparse: PaxRecord[]
  /** What would be lost, in words. */
  readonly lost: Set<string>
}

export function noAttributes(): PaxAttributes {
  return { textAcls: new Map(), xattrs: new Map(), sparse: [], lost: new Set() }
}

const accessAcl = 'system.posix_acl_access'
const defaultAcl = 'system.posix_acl_default'

type Reader = (attributes: PaxAttributes, value: Buffer) => void

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['path', (to, value) => (to.path = textIn(value))],
  ['linkpath', (to, value) => (to.linkPath = textIn(value))],
  ['size', (to, value) => (to.size = countIn(value))],
  ['uid', (to, value) => (to.uid = countIn(value))],
  ['gid', (to, value) => (to.gid = countIn(value))],
  ['mtime', (to, value) => (to.mtime = timeIn(value))],
  ['SCHILY.devmajor', (to, value) => (to.major = countIn(value))],
  ['SCHILY.devminor', (to, value) => (to.minor = countIn(value))],
  ['SCHILY.acl.access', (to, value) => to.textAcls.set(accessAcl, value.toString('latin1'))],
  ['SCHILY.acl.default', (to, value) => to.textAcls.set(defaultAcl, value.toString('latin1'))],
  ['SCHILY.acl.ace', (to) => to.lost.add('an NFSv4 ACL')],
  ['SCHILY.fflags', (to) => to.lost.add('file flags')],
  ['RHT.security.selinux', addSelinux],
])

/** The name of a sparse file, whose `path` is one made up for programs that do not know of holes. */
export function sparseNameOf({ sparse }: PaxAttributes): string | undefined {
  const record = sparse.findLast(({ key }) => key === 'GNU.sparse.name')
  return record === undefined ? undefined : textIn(record.value)
}

/** Once all records are read: ACLs in the form of text, where they are not there as the kernel has them, too. */
export function applyTextAcls(attributes: PaxAttributes): void {
  for (const [name, text] of attributes.textAcls) {
    if (attributes.xattrs.has(name)) continue
    const { value, groupBits } = parseTextAcl(text)
    if (groupBits === undefined && name === accessAcl) continue
    attributes.xattrs.set(name, value)
    if (groupBits !== undefined && name === accessAcl) attributes.groupBits = groupBits
  }
}

/** Keys whose loss would change what a file is. */
const unread: ReadonlyMap<string, string> = new Map([
  ['SCHILY.realsize', "star's own form of sparse files"],
  ['SCHILY.filetype', "a type of star's own"],
])

/** Of all members that follow a global header only these can be said. */
const globalKeys = new Set(['uid', 'gid', 'mtime'])
const memberKeys =
  /^(?:path|linkpath|size|GNU\.sparse\.|SCHILY\.(?:xattr|acl|dev|realsize|filetype)|LIBARCHIVE\.xattr)/

export function isGlobalKey(key: string): boolean {
  return globalKeys.has(key)
}

/** Adds what a record says. Throws an Error that says in words what is wrong with it. */
export function readAttribute(attributes: PaxAttributes, { key, value }: PaxRecord): void {
  const refused = unread.get(key)
  if (refused !== undefined)
    throw new Error(`${refused} ("${key}") is not read; make the archive with GNU tar`)
  if (key.startsWith('GNU.sparse.')) attributes.sparse.push({ key, value })
  else if (key.startsWith('SCHILY.xattr.')) addSchilyXattr(attributes, key, value)
  else if (key.startsWith('LIBARCHIVE.xattr.')) addLibarchiveXattr(attributes, key, value)
  else attempt(key, () => readers.get(key)?.(attributes, value))
}

/** Likewise for all that follow. */
export function readGlobalAttribute(attributes: PaxAttributes, record: PaxRecord): void {
  if (memberKeys.test(record.key)) {
    throw new Error(`the global header says "${record.key}" of every member, which no program writes`)
  }
  if (isGlobalKey(record.key)) readAttribute(attributes, record)
}

function attempt(key: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    throw new Error(`"${key}" ${(error as Error).message}`, { cause: error })
  }
}

function textIn(value: Buffer): string {
  if (value.length === 0) throw new Error('is empty')
  if (value.includes(0)) throw new Error('contains a NUL byte')
  return byteStringFromBytes(value)
}

function countIn(value: Buffer): number {
  const text = value.toString('latin1')
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw new Error(
    `says ${JSON.stringify(text.slice(0, 40))}, which is no number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  )
}

/** Decimal seconds; finer fractions than nanoseconds are cut off. */
function timeIn(value: Buffer): Mtime {
  const text = value.toString('latin1')
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? []
  const seconds = whole === undefined ? Number.NaN : Number(whole)
  if (!Number.isSafeInteger(seconds))
    throw new Error(`says ${JSON.stringify(text.slice(0, 40))}, which is no time`)
  const nanos = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign !== '-') return { seconds, nanos }
  return nanos === 0 ? { seconds: 0 - seconds, nanos } : { seconds: -seconds - 1, nanos: 1e9 - nanos }
}

/** GNU tar writes `%` and `=` in names as %25 and %3D. */
function addSchilyXattr(attributes: PaxAttributes, key: string, value: Buffer): void {
  const name = key.slice('SCHILY.xattr.'.length).replaceAll('%3D', '=').replaceAll('%25', '%')
  addXattr(attributes, name, value)
}

/** The name is percent-encoded, the value is base64 without padding. */
function addLibarchiveXattr(attributes: PaxAttributes, key: string, value: Buffer): void {
  const encoded = key.slice('LIBARCHIVE.xattr.'.length)
  const name = encoded.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const base64 = value.toString('latin1')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Error(`"${key}" is not base64`)
  addXattr(attributes, name, Buffer.from(base64, 'base64'))
}

function addXattr({ xattrs }: PaxAttributes, byteName: string, value: Buffer): void {
  const name = textOf(byteName)
  if (name === undefined || !isXattrName(name)) {
    throw new Error(`the extended attribute ${JSON.stringify(byteName.slice(0, 100))} ${xattrNameRule}`)
  }
  if (value.length > maxXattrBytes) {
    throw new Error(`the extended attribute ${name} has ${value.length} bytes; the limit is ${maxXattrBytes}`)
  }
  const before = xattrs.get(name)
  if (before !== undefined && Buffer.compare(before, value) !== 0) {
    throw new Error(`the extended attribute ${name} is said twice, with different values`)
  }
  xattrs.set(name, Uint8Array.from(value))
}

/** As the kernel gives it: with a NUL. */
function addSelinux({ xattrs }: PaxAttributes, value: Buffer): void {
  if (!xattrs.has('security.selinux')) xattrs.set('security.selinux', Buffer.concat([value, Buffer.alloc(1)]))
}
