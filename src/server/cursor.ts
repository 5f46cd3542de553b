import { FormatError } from '../../manifests/errors.ts'
import {
  byteStringFromBytes,
  parseTreePath,
  treePathToBytes,
  type TreePath,
} from '../../manifests/tree-path.ts'
import { ProblemError } from './problem.ts'

/** Where a page ended: a path in a module. */
export interface Cursor {
  readonly module: string
  readonly path: TreePath
}

/** As text for a URL, opaque to clients. Paths are bytes, and the root's is empty: neither suits a query as it is. */
export function encodeCursor({ module, path }: Cursor): string {
  return Buffer.concat([Buffer.from(`${module}/`), treePathToBytes(path)]).toString('base64url')
}

/** Throws REQUEST_INVALID on what `encodeCursor` did not make. */
export function decodeCursor(text: string): Cursor {
  const decoded = byteStringFromBytes(Buffer.from(text, 'base64url'))
  const slash = decoded.indexOf('/')
  if (slash < 1) throw invalid()
  try {
    return { module: decoded.slice(0, slash), path: parseTreePath(decoded.slice(slash + 1)) }
  } catch (error) {
    throw error instanceof FormatError ? invalid(error) : error
  }
}

function invalid(cause?: unknown): ProblemError {
  return new ProblemError('REQUEST_INVALID', '"after" is not the "next" of an earlier page', { cause })
}
