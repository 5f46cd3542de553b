import { KeyInvalidError } from './errors.ts'

const keyPattern = /^(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]+$/
const prefixPattern = /^(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]*$/
const reserved = /^private\/(?:tmp|locks)(?:\/|$)/
const maxKeyLength = 512
/** What the file systems in use allow for one name. */
const maxNameLength = 255

/** Throws a KeyInvalidError when the text is outside the alphabet of blob-store.ts. */
export function checkKey(store: string, key: string): void {
  if (!isKey(key)) throw new KeyInvalidError(store, key)
}

/** Throws a KeyInvalidError when no key can begin with the text. */
export function checkPrefix(store: string, prefix: string): void {
  const begun = prefix.slice(prefix.lastIndexOf('/') + 1)
  const whole = prefix
    .slice(0, prefix.length - begun.length)
    .split('/')
    .slice(0, -1)
  const valid =
    prefix.length <= maxKeyLength &&
    prefixPattern.test(prefix) &&
    begun.length <= maxNameLength &&
    whole.every(isName)
  if (!valid) throw new KeyInvalidError(store, prefix)
}

export function isKey(text: string): boolean {
  return (
    text.length <= maxKeyLength &&
    keyPattern.test(text) &&
    !reserved.test(text) &&
    text.split('/').every(isName)
  )
}

function isName(name: string): boolean {
  return name !== '.' && name !== '..' && name.length <= maxNameLength
}
