import { FormatError } from './errors.ts'

declare const brand: unique symbol

/**
 * A path inside a tree, relative to its root: components joined by `/`; the root itself is the empty path.
 * File names are bytes, and need not be UTF-8: each character of this string is one byte (0..255), so that
 * JavaScript's own string order is the byte order that manifests are sorted in (format §1.5, §3.3).
 */
export type TreePath = string & { readonly [brand]: 'TreePath' }

export const rootPath = '' as TreePath

/** Linux: NAME_MAX and PATH_MAX less the terminating NUL. */
export const maxNameBytes = 255
export const maxPathBytes = 4095

const namePattern = `(?!\\.{1,2}(?:/|$))[\\x01-\\x2e\\x30-\\xff]{1,${maxNameBytes}}`
const namesPattern = new RegExp(`^${namePattern}(?:/${namePattern})*$`)

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Checks a path whose characters are bytes. Refuses (FormatError, PATH_INVALID) what could leave the tree or
 * what no Linux file system takes: an absolute path, an empty, `.` or `..` component, NUL, a name over 255 bytes,
 * a path over 4095 bytes.
 */
export function parseTreePath(path: string): TreePath {
  if (isTreePath(path)) return path
  throw invalid(path, problemOf(path))
}

export function isTreePath(path: string): path is TreePath {
  return path === '' || (path.length <= maxPathBytes && namesPattern.test(path))
}

function problemOf(path: string): string {
  if (path.length > maxPathBytes) return `is ${path.length} bytes long; the limit is ${maxPathBytes}`
  if (path.startsWith('/')) return 'is absolute; paths are relative to the root of the tree'
  const wrong = path.split('/').find((name) => name === '' || !isTreePath(name)) ?? ''
  if (wrong === '') return 'has an empty component'
  if (wrong === '.' || wrong === '..') return `has the component ${JSON.stringify(wrong)}`
  if (wrong.length > maxNameBytes) {
    return `has a name of ${wrong.length} bytes; the limit is ${maxNameBytes}`
  }
  const strange = Array.from(wrong).find((character) => character === '\0' || character > '\xff')
  return strange === '\0' ? 'contains a NUL byte' : 'contains a character that is not a byte'
}

export function treePathFromBytes(bytes: Uint8Array): TreePath {
  return parseTreePath(byteStringFromBytes(bytes))
}

/** The path of ordinary text, encoded as UTF-8. */
export function treePathFromText(text: string): TreePath {
  return treePathFromBytes(Buffer.from(text, 'utf8'))
}

export function treePathToBytes(path: TreePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** `directory` and a name that was already checked as part of some path. */
export function joinTreePath(directory: TreePath, name: string): TreePath {
  return (directory === '' ? name : `${directory}/${name}`) as TreePath
}

/** The path of the directory that holds `path`; the root's is the root. */
export function parentOf(path: TreePath): TreePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as TreePath
}

/** The last component; the root's is empty. */
export function nameOf(path: TreePath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** For people: UTF-8 where it is, `\xNN` where it is not; control characters are escaped. Never parsed back. */
export function displayTreePath(path: string): string {
  const text = textOf(path) ?? path.replaceAll(/[\x80-\xff]/g, hexEscape)
  return text.replaceAll(/\p{Cc}/gu, hexEscape)
}

/** The text of a byte string, or undefined when its bytes are not UTF-8. */
export function textOf(byteString: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- the range is "ASCII"
  if (/^[\x00-\x7f]*$/.test(byteString)) return byteString
  try {
    return utf8.decode(Buffer.from(byteString, 'latin1'))
  } catch {
    return undefined
  }
}

/** A byte string (one character a byte) from bytes, and from text as UTF-8. */
export function byteStringFromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function byteStringFromText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function hexEscape(character: string): string {
  return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
}

function invalid(path: string, problem: string): FormatError {
  const shown = displayTreePath(path.slice(0, 300)) + (path.length > 300 ? '…' : '')
  return new FormatError('PATH_INVALID', 'path', `"${shown}" ${problem}`)
}
