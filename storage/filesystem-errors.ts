import { NotADirectoryError } from './known-directories.ts'
import { StoreDeniedError, StoreError, StoreFullError, StoreUnavailableError } from './errors.ts'
import { LockTimeoutError } from './file-lock.ts'

const denied = new Set(['EACCES', 'EPERM', 'EROFS'])
const full = new Set(['ENOSPC', 'EDQUOT'])
const transient = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EINTR', 'ENOMEM', 'ETIMEDOUT'])
const misplaced = new Map([
  ['EISDIR', 'is a directory: other blobs lie below it'],
  ['ENOTDIR', 'a file lies where one of its directories is needed'],
  ['ELOOP', 'is a symbolic link, not a blob'],
])

/** What a file system answered, in the contract's terms; other errors (an abort, a fault of ours) as they are. */
export function filesystemError(store: string, key: string, error: unknown): unknown {
  if (error instanceof StoreError) return error
  if (error instanceof LockTimeoutError || error instanceof NotADirectoryError) {
    const retry = error instanceof LockTimeoutError
    return new StoreUnavailableError(store, key, error.message, { transient: retry, cause: error })
  }
  if (!isSystemError(error)) return error
  const { code, message } = error
  if (denied.has(code)) return new StoreDeniedError(store, key, message, error)
  if (full.has(code)) return new StoreFullError(store, key, message, error)
  const problem = misplaced.get(code) ?? message
  return new StoreUnavailableError(store, key, problem, { transient: transient.has(code), cause: error })
}

/** The file system says that nothing lies at the path: it, or a directory above it, is missing. */
export function isAbsent(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

export function hasCode(error: unknown, code: string): boolean {
  return isSystemError(error) && error.code === code
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}
