import type { KeyShare } from '../repository/begun-creation.ts'
import type { RoleName } from '../trust/role.ts'
import { parseOfRole } from './parse-role.ts'
import { quote } from './setting-parsers.ts'

/** `root=2/3`: two of three keys have to sign. */
export function parseKeyShare(text: string): KeyShare & { readonly role: RoleName } {
  const { role, value } = parseOfRole(text, 'M/N')
  const [, threshold, keys] = (/^([1-9]\d?)\/([1-9]\d?)$/.exec(value) ?? []).map(Number)
  if (threshold !== undefined && keys !== undefined && threshold <= keys) return { role, threshold, keys }
  throw new Error(`${quote(value)} is not so many of so many keys; write ROLE=M/N, such as root=2/3`)
}
