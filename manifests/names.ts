import * as z from 'zod'
import { FormatError } from './errors.ts'

/** Modules, channels and chunking profiles are named alike: names that are safe in a URL, a key and a file name (format §1.4). */
const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/
const nameRule = 'names are 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit'

export const nameField = z.string().regex(namePattern, `is not a name: ${nameRule}`)

/** Versions order releases; labels are for people (format §1.4). */
export const versionField = z.int().min(1)

export function parseModuleName(text: string): string {
  return parseName('module', text)
}

export function parseChannelName(text: string): string {
  return parseName('channel', text)
}

/** A version as people type it: a positive integer without sign, leading zero or fraction. */
export function parseVersion(text: string): number {
  const version = /^[1-9]\d*$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(version)) return version
  throw new FormatError(
    'NAME_INVALID',
    'version',
    `${JSON.stringify(text)} is not a version: versions are positive integers`,
  )
}

function parseName(what: string, text: string): string {
  if (namePattern.test(text)) return text
  throw new FormatError(
    'NAME_INVALID',
    what,
    `${JSON.stringify(text.slice(0, 100))} is not a name: ${nameRule}`,
  )
}
