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

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Checks a path whose characters are bytes. Refuses (FormatError, PATH_INVALID) what could leave the tree or
 * what no Linux file system takes: an absolute path, an empty, `.` or `..` component, NUL, a name over 255 bytes,
 * a path over 4095 bytes.
 */
export function parseTreePath(path: string): TreePath {
  if (path === '') return rootPath
  if (path.length > maxPathBytes)
    throw invalid(path, `is ${path.length} bytes long; the limit is ${maxPathBytes}`)
  if (path.startsWith('/')) throw invalid(path, 'is absolute; paths are relative to the root of the tree')
  for (const name of path.split('/')) checkName(path, name)
  return path as TreePath
}

function checkName(path: string, name: string): void {
  if (name === '') throw invalid(path, 'has an empty component')
  if (name === '.' || name === '..') throw invalid(path, `has the component ${JSON.stringify(name)}`)
  if (name.length > maxNameBytes) {
    throw invalid(path, `has a name of ${name.length} bytes; the limit is ${maxNameBytes}`)
  }
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i)
    if (byte === 0) throw invalid(path, 'contains a NUL byte')
    if (byte > 255) throw invalid(path, 'contains a character that is not a byte')
  }
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
