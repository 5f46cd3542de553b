import { error as validation } from 'express-openapi-validator'
import { FormatError } from '../../manifests/errors.ts'
import { StoreError } from '../../storage/errors.ts'
import { RepositoryError } from '../repository/errors.ts'
import { TrustError } from '../trust/errors.ts'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds after which the same request may well succeed. */
  readonly retryAfter?: number
  /** Seconds for which caches may give the answer to others, where that takes a crowd off us. Default: not at all. */
  readonly maxAge?: number
}

const kinds = {
  REQUEST_MALFORMED: { status: 400, title: 'The request is not HTTP' },
  REQUEST_INVALID: { status: 400, title: 'The request does not match the description of the interface' },
  BODY_UNEXPECTED: { status: 400, title: 'The request has a body, and the route takes none' },
  UNAUTHENTICATED: { status: 401, title: 'The request proves no identity' },
  FORBIDDEN: { status: 403, title: 'The identity may not do that' },
  ROUTE_UNKNOWN: { status: 404, title: 'There is nothing of that name here' },
  OBJECT_UNKNOWN: { status: 404, title: 'The repository holds no such object' },
  PACK_BEING_BUILT: { status: 404, title: 'The pack is being built', retryAfter: 10, maxAge: 5 },
  PACK_UNKNOWN: { status: 404, title: 'No release leads from the one manifest to the other', maxAge: 1 },
  PACK_REFUSED: { status: 404, title: 'The pack is not there, and is not built now', maxAge: 60 },
  RELEASE_UNKNOWN: { status: 404, title: 'There is no such release' },
  CHANNEL_UNKNOWN: { status: 404, title: 'There is no such channel' },
  MODULE_UNKNOWN: { status: 404, title: 'The release has no such module' },
  JOB_UNKNOWN: { status: 404, title: 'There is no such job, or it ended long ago' },
  UPLOAD_TOO_SLOW: { status: 408, title: 'The body came too slowly' },
  PUBLISH_CONFLICT: { status: 409, title: 'Someone else published at the same time' },
  VERSION_EXISTS: { status: 409, title: 'The release exists, with other content' },
  VERSION_NOT_INCREASING: { status: 409, title: 'A later release exists' },
  CONTENT_MISSING: { status: 409, title: 'Something that the release needs was not sent, or is gone' },
  JOB_ENDED: { status: 409, title: 'The job has ended already' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The method is not one of those in Allow' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  PRECONDITION_FAILED: { status: 412, title: 'The object is not the one in If-Match' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too long' },
  URL_TOO_LONG: { status: 414, title: 'The URL is too long' },
  FRAME_INVALID: { status: 422, title: 'The body is not frames of chunks' },
  CHUNK_REFUSED: { status: 422, title: 'A chunk is not what its digest names' },
  MANIFEST_REFUSED: { status: 422, title: 'The manifest is not what its digest names, or none' },
  SKETCHES_REFUSED: { status: 422, title: 'The sketches are none' },
  COMMIT_KEY_REFUSED: { status: 422, title: 'No commit may have an object of that key' },
  COMMIT_REFUSED: { status: 422, title: 'No commit over HTTP may make that change' },
  METADATA_REFUSED: { status: 422, title: 'The signed metadata do not follow from what is there' },
  RANGE_NOT_SATISFIABLE: { status: 416, title: 'The range begins after the end of the object' },
  TOO_MANY_REQUESTS: { status: 429, title: 'Too many requests came in too short a time', retryAfter: 60 },
  QUOTA_EXCEEDED: { status: 429, title: 'The quota of the day is used up', retryAfter: 3600 },
  REPORTS_TOO_MANY: { status: 429, title: 'Too many reports came from one address', retryAfter: 60 },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too many or too long' },
  INTERNAL: { status: 500, title: 'The server failed' },
  ISSUER_UNAVAILABLE: {
    status: 503,
    title: 'The keys of an identity provider cannot be read',
    retryAfter: 10,
  },
  COLLECTION_RUNNING: { status: 503, title: 'A garbage collection removes what is needed', retryAfter: 5 },
  QUEUE_UNAVAILABLE: { status: 503, title: 'The queue of jobs does not answer', retryAfter: 5 },
  QUEUE_FULL: { status: 503, title: 'Too many jobs wait', retryAfter: 30 },
  SERVER_BUSY: { status: 503, title: 'Too much is asked of the server at once', retryAfter: 1 },
  STORE_UNAVAILABLE: { status: 503, title: 'The store of the repository does not answer', retryAfter: 5 },
  REPOSITORY_MISSING: { status: 503, title: 'There is no repository yet', retryAfter: 30 },
  REPOSITORY_CORRUPT: { status: 503, title: 'The repository is damaged', retryAfter: 30 },
} as const satisfies Record<string, ProblemKind>

/** Stable, for programs: docs/errors.md says what each means and the way out. */
export type ProblemCode = keyof typeof kinds

export const problemCodes = Object.keys(kinds) as readonly ProblemCode[]

/** What a client is told of a failure: `message` is the problem document's `detail`, and nothing internal. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly headers: Readonly<Record<string, string>>
  readonly members: ProblemMembers

  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>
      readonly members?: ProblemMembers
      readonly cause?: unknown
    } = {},
  ) {
    super(detail, { cause: options.cause })
    this.code = code
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }
}

/** What a problem document says beside what all of them say (RFC 9457 §3.2). */
export type ProblemMembers = Readonly<Record<string, readonly string[]>>

export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** RFC 9457. */
  readonly document: Readonly<Record<string, string | number | readonly string[]>>
}

/**
 * The answer to a request that failed. Absence and failure may end at any moment: they are cached for seconds where
 * whole fleets ask for what is not there yet, and never else.
 */
export function describeProblem(problem: ProblemError, requestId: string): Problem {
  const { code, message, headers, members } = problem
  const { status, title, retryAfter, maxAge }: ProblemKind = kinds[code]
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json; charset=utf-8',
      'Cache-Control': maxAge === undefined ? 'no-store' : cachedFor(maxAge),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
    document: {
      type: `urn:vend:problem:${code}`,
      title,
      status,
      code,
      detail: message,
      instance: requestId,
      ...members,
    },
  }
}

export function cachedFor(seconds: number): string {
  return `public, max-age=${seconds}`
}

/** Whether the failure is the server's or its store's, and so belongs in the log. */
export function isFault({ code }: ProblemError): boolean {
  return kinds[code].status >= 500 && code !== 'SERVER_BUSY' && code !== 'COLLECTION_RUNNING'
}

/** What to tell a client of any error; what is not known here becomes INTERNAL. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof RepositoryError) return repositoryProblem(error)
  if (error instanceof StoreError) {
    return new ProblemError('STORE_UNAVAILABLE', 'the store could not be read; try again', { cause: error })
  }
  if (error instanceof TrustError || error instanceof FormatError) return corrupt(error)
  return validationProblem(error) ?? internal(error)
}

function repositoryProblem(error: RepositoryError): ProblemError {
  const { code, message, hint } = error
  if (code === 'RELEASE_UNKNOWN' || code === 'CHANNEL_UNKNOWN' || code === 'MODULE_UNKNOWN') {
    return new ProblemError(code, hint === undefined ? message : `${message}; ${hint}`, { cause: error })
  }
  if (code === 'REPOSITORY_MISSING') {
    return new ProblemError(code, 'nothing was published here yet', { cause: error })
  }
  return code === 'REPOSITORY_CORRUPT' ? corrupt(error) : internal(error)
}

function corrupt(cause: Error): ProblemError {
  const detail = 'something that the repository refers to is missing or damaged; its operator must repair it'
  return new ProblemError('REPOSITORY_CORRUPT', detail, { cause })
}

function internal(cause: unknown): ProblemError {
  return new ProblemError('INTERNAL', 'an unexpected error; the log has it under the request id', { cause })
}

function validationProblem(error: unknown): ProblemError | undefined {
  if (error instanceof validation.MethodNotAllowed) {
    const allow = error.headers?.['Allow'] ?? 'GET, HEAD'
    return new ProblemError('METHOD_NOT_ALLOWED', `allowed are ${allow}`, { headers: { Allow: allow } })
  }
  if (error instanceof validation.NotFound) return routeUnknown()
  if (error instanceof validation.BadRequest) return new ProblemError('REQUEST_INVALID', error.message)
  if (error instanceof validation.UnsupportedMediaType) {
    return new ProblemError('BODY_UNEXPECTED', 'send no Content-Type: nothing here takes a body')
  }
  return undefined
}

export function routeUnknown(): ProblemError {
  return new ProblemError('ROUTE_UNKNOWN', 'the path is none of those in openapi.yaml')
}
