import { roleNames, type RoleName } from '../trust/role.ts'
import { quote } from './setting-parsers.ts'

/** A role by its name. */
export function parseRole(text: string): RoleName {
  const role = roleNames.find((name) => name === text)
  if (role !== undefined) return role
  throw new Error(`${quote(text)} is not a role; write one of ${roleNames.join(', ')}`)
}

/** `root=VALUE` in two. */
export function parseOfRole(
  text: string,
  placeholder: string,
): { readonly role: RoleName; readonly value: string } {
  const [name = '', ...rest] = text.split('=')
  const value = rest.join('=')
  if (value === '') throw new Error(`${quote(text)} is not of the form ROLE=${placeholder}`)
  return { role: parseRole(name), value }
}
