/** Base of what a blob store throws; `key` is the blob's, `store` the store's name without credentials. */
export abstract class StoreError extends Error {
  abstract readonly code: string
  readonly store: string
  readonly key: string

  constructor(store: string, key: string, problem: string, cause?: unknown) {
    super(`${store}: ${key}: ${problem}`, { cause })
    this.store = store
    this.key = key
  }
}

export class BlobNotFoundError extends StoreError {
  override readonly name = 'BlobNotFoundError'
  readonly code = 'BLOB_NOT_FOUND'

  constructor(store: string, key: string, cause?: unknown) {
    super(store, key, 'no such blob', cause)
  }
}

/** `create` found the key taken. */
export class BlobExistsError extends StoreError {
  override readonly name = 'BlobExistsError'
  readonly code = 'BLOB_EXISTS'

  constructor(store: string, key: string, cause?: unknown) {
    super(store, key, 'exists already', cause)
  }
}

/** `replace` found other bytes than the caller had read. */
export class BlobChangedError extends StoreError {
  override readonly name = 'BlobChangedError'
  readonly code = 'BLOB_CHANGED'

  constructor(store: string, key: string, cause?: unknown) {
    super(store, key, 'was changed by someone else', cause)
  }
}

/** The range begins at or after the blob's end. */
export class RangeOutsideBlobError extends StoreError {
  override readonly name = 'RangeOutsideBlobError'
  readonly code = 'RANGE_OUTSIDE_BLOB'
  readonly bytes: number

  constructor(store: string, key: string, bytes: number) {
    super(store, key, `the range begins after its ${bytes} bytes`)
    this.bytes = bytes
  }
}

/** A key outside the alphabet that all stores take. */
export class KeyInvalidError extends StoreError {
  override readonly name = 'KeyInvalidError'
  readonly code = 'KEY_INVALID'

  constructor(store: string, key: string) {
    super(
      store,
      key.slice(0, 600),
      'not a key: names of [A-Za-z0-9._-], at most 255 characters each, joined by "/", at most 512 in all, ' +
        'and not below private/tmp or private/locks',
    )
  }
}

/** The file given as a body cannot be read, or is not of the length that was declared. */
export class BodyUnreadableError extends StoreError {
  override readonly name = 'BodyUnreadableError'
  readonly code = 'BODY_UNREADABLE'
}

/** The caller may not do this: wrong credentials, a read-only file system or bucket. */
export class StoreDeniedError extends StoreError {
  override readonly name = 'StoreDeniedError'
  readonly code = 'STORE_DENIED'
}

/** No room: disk or quota. */
export class StoreFullError extends StoreError {
  override readonly name = 'StoreFullError'
  readonly code = 'STORE_FULL'
}

/** The store could not answer; `transient` when the same call may well succeed if repeated. */
export class StoreUnavailableError extends StoreError {
  override readonly name = 'StoreUnavailableError'
  readonly code = 'STORE_UNAVAILABLE'
  readonly transient: boolean

  constructor(
    store: string,
    key: string,
    problem: string,
    options: { readonly transient: boolean; readonly cause?: unknown },
  ) {
    super(store, key, problem, options.cause)
    this.transient = options.transient
  }
}

/** What to tell of a delete that `mayStillSend` has forbidden: nothing was sent. */
export function notSent(store: string, key: string): StoreUnavailableError {
  return new StoreUnavailableError(store, key, 'was not deleted: it became too late', { transient: false })
}
