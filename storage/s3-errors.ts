import { StoreDeniedError, StoreError, StoreFullError, StoreUnavailableError } from './errors.ts'

const denied = new Set([
  'AccessDenied',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
])
const full = new Set(['QuotaExceeded', 'InsufficientStorage'])
const transientNames = new Set(['NoSuchUpload', 'RequestTimeout', 'SlowDown', 'TimeoutError'])
const transientStatus = new Set([408, 409, 425, 429, 500, 502, 503, 504])
const certificateCode = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

/** What comes without an answer's status and without a connection's error code. */
const namesOfUnanswered = new Set(['TimeoutError', 'CredentialsProviderError'])

interface Metadata {
  readonly httpStatusCode?: unknown
  readonly requestId?: unknown
}

interface Answer {
  readonly name: string
  readonly message: string
  /** `undefined` when there was no answer. */
  readonly status: number | undefined
  /** Of the connection's failure. */
  readonly code: string | undefined
  readonly requestId: string | undefined
  readonly stack: string | undefined
}

/** What an S3 endpoint answered, or that it did not, in the contract's terms; a fault of ours as it is. */
export function s3Error(store: string, key: string, error: unknown): unknown {
  const answer = answerIn(error)
  if (answer === undefined || error instanceof StoreError) return error
  const text = textOf(answer)
  const cause = withoutRequest(answer)
  if (full.has(answer.name) || answer.status === 507) return new StoreFullError(store, key, text, cause)
  if (denied.has(answer.name) || answer.status === 401 || answer.status === 403) {
    return new StoreDeniedError(store, key, text, cause)
  }
  return new StoreUnavailableError(store, key, text, { transient: isTransient(answer), cause })
}

/** The SDK's own errors hold the sockets and the signed request, which belong in no log. */
function withoutRequest({ name, message, stack, status, code, requestId }: Answer): Error {
  return Object.assign(new Error(message), { name, stack, status, code, requestId })
}

export function isMissingBucket(error: unknown): boolean {
  return answerIn(error)?.name === 'NoSuchBucket'
}

/** The code of an answer to a delete: as good as deleted. */
export function isMissingKey(code: string): boolean {
  return code === 'NoSuchKey'
}

export function hasStatus(error: unknown, status: number): boolean {
  return answerIn(error)?.status === status
}

function isTransient({ name, status, code }: Answer): boolean {
  if (name === 'NoSuchBucket') return false
  if (transientNames.has(name)) return true
  if (status === undefined) return code !== undefined && !certificateCode.test(code)
  return transientStatus.has(status)
}

function textOf({ name, message, status, code }: Answer): string {
  if (name === 'NoSuchBucket') return 'the bucket does not exist'
  const what = [name, status ?? code].filter((part) => part !== undefined && part !== 'Error').join(' ')
  return message === name || message === '' ? what : `${what}: ${message}`
}

function answerIn(error: unknown): Answer | undefined {
  if (!(error instanceof Error)) return undefined
  const { $metadata, code } = error as { $metadata?: Metadata; code?: unknown }
  const { httpStatusCode: status, requestId } = $metadata ?? {}
  if ($metadata === undefined && typeof code !== 'string' && !namesOfUnanswered.has(error.name))
    return undefined
  return {
    name: error.name,
    message: error.message,
    status: typeof status === 'number' ? status : undefined,
    code: typeof code === 'string' ? code : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    stack: error.stack,
  }
}
