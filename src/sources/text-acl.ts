/** An ACL as the kernel has it in an extended attribute. */
export interface BinaryAcl {
  readonly value: Uint8Array
  /** What the group's bits of the mode then say: 0..7. Undefined when the ACL says no more than a mode does. */
  readonly groupBits: number | undefined
}

interface AclEntry {
  readonly tag: number
  readonly permissions: number
  readonly id: number
}

/** Linux: include/uapi/linux/posix_acl.h and posix_acl_xattr.h. */
const version = 2
const noId = 0xff_ff_ff_ff
const tags = { user: 0x01, namedUser: 0x02, group: 0x04, namedGroup: 0x08, mask: 0x10, other: 0x20 } as const

const entryPattern = /^(?:default:)?(user|u|group|g|mask|m|other|o):([^:]*):([r-][w-][x-])(?::(\d+))?$/

/**
 * An ACL from its text (POSIX 1003.1e, as star, GNU tar and libarchive write it): entries between commas or newlines,
 * each perhaps with a number after its name. Throws an Error that says in words what is wrong with it, also for names
 * without numbers: whose they are here says nothing of there.
 */
export function parseTextAcl(text: string): BinaryAcl {
  const entries = text
    .split(/[,\n]/)
    .map((part) => part.replace(/[ \t]*#.*$/, '').trim())
    .filter((part) => part !== '')
    .map(entryIn)
    .sort((a, b) => a.tag - b.tag || a.id - b.id)
  for (const tag of [tags.user, tags.group, tags.other]) {
    if (entries.filter((entry) => entry.tag === tag).length !== 1) {
      throw new Error('has an ACL without exactly one entry each for owner, group and others')
    }
  }
  const mask = entries.find(({ tag }) => tag === tags.mask)
  if (mask === undefined && entries.length > 3) throw new Error('has an ACL with names, and without a mask')
  return { value: encode(entries), groupBits: mask?.permissions }
}

function entryIn(text: string): AclEntry {
  const [, word = '', name = '', bits = '', number] = entryPattern.exec(text) ?? []
  if (word === '')
    throw new Error(`has an ACL with the entry ${JSON.stringify(text.slice(0, 80))}, which is none`)
  const kind = word[0] ?? ''
  const permissions = (bits[0] === 'r' ? 4 : 0) | (bits[1] === 'w' ? 2 : 0) | (bits[2] === 'x' ? 1 : 0)
  if (kind === 'm') return { tag: tags.mask, permissions, id: noId }
  if (kind === 'o') return { tag: tags.other, permissions, id: noId }
  if (name === '') return { tag: kind === 'u' ? tags.user : tags.group, permissions, id: noId }
  const id = number ?? (/^\d+$/.test(name) ? name : undefined)
  if (id === undefined || Number(id) >= noId) {
    throw new Error(
      `has an ACL for ${JSON.stringify(name.slice(0, 40))}, and not its number; make the archive with --xattrs --xattrs-include='*'`,
    )
  }
  return { tag: kind === 'u' ? tags.namedUser : tags.namedGroup, permissions, id: Number(id) }
}

function encode(entries: readonly AclEntry[]): Uint8Array {
  const value = Buffer.alloc(4 + 8 * entries.length)
  value.writeUInt32LE(version)
  for (const [i, { tag, permissions, id }] of entries.entries()) {
    value.writeUInt16LE(tag, 4 + 8 * i)
    value.writeUInt16LE(permissions, 6 + 8 * i)
    value.writeUInt32LE(id, 8 + 8 * i)
  }
  return Uint8Array.from(value)
}
