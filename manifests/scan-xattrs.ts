import { noXattrs, type Xattrs } from './entry.ts'
import { maxXattrBytes } from './entry-limits.ts'
import { isXattrName } from './xattr-name.ts'

/** Of a name, what is ASCII and not escaped; of a value, what its base64 may be made of. */
const member = String.raw`"[ !#-\[\]-~]+":"[A-Za-z0-9+/]*={0,2}"`

/** Extended attributes in canonical JSON. Captures the members. */
export const xattrsToken = `\\{(${member}(?:,${member})*)\\}`

const memberParts = /"([^"]+)":"([^"]*)"/g

/** What `xattrsToken` captured, or undefined when there is something about it that only the schema can judge. */
export function scanXattrs(members: string | undefined): Xattrs | undefined {
  if (members === undefined) return noXattrs
  const xattrs = new Map<string, Uint8Array>()
  let last = ''
  for (const match of members.matchAll(memberParts)) {
    const name = match[1] as string
    const value = scanBase64(match[2] as string)
    if (value === undefined || name <= last || !isXattrName(name)) return undefined
    xattrs.set(name, value)
    last = name
  }
  return xattrs
}

function scanBase64(base64: string): Uint8Array | undefined {
  const value = Buffer.from(base64, 'base64')
  return value.length <= maxXattrBytes && value.toString('base64') === base64 ? value : undefined
}
