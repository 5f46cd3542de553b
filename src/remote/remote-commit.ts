import { setTimeout as delay } from 'node:timers/promises'
import type { CallOptions } from '../../storage/blob-store.ts'
import { BlobChangedError, StoreUnavailableError } from '../../storage/errors.ts'
import { RepositoryError } from '../repository/errors.ts'
import { timestampKey } from '../repository/layout.ts'
import { RemoteError, RemoteProblem } from './errors.ts'
import type { RemoteConnection } from './remote-connection.ts'

export interface RemoteCommit extends CallOptions {
  /** The entity tag of the timestamp that the change was made over. */
  readonly over: string
  readonly objects: Iterable<readonly [string, Buffer]>
}

/** Server, store and collector may take their time: every chunk is looked up. */
const commitTimeoutMs = 15 * 60 * 1000
/** No sweep lasts longer (src/repository/sweeps.ts). */
const maxCollectionMs = 20 * 60 * 1000
const maxAnswerBytes = 1 << 20

/**
 * Asks the server to make the objects visible. Throws BlobChangedError when someone else was faster, or when something
 * that was stored is gone by now; RepositoryError for a version that cannot be; RemoteError for what the token may not do.
 */
export async function sendCommit(connection: RemoteConnection, commit: RemoteCommit): Promise<void> {
  const body = Buffer.from(
    JSON.stringify({
      over: commit.over,
      objects: Array.from(commit.objects, ([key, bytes]) => ({ key, base64: bytes.toString('base64') })),
    }),
  )
  const ask = {
    method: 'POST',
    path: 'v1/commits',
    body: { type: 'application/json', bytes: body.length, open: () => body },
    needsToken: true,
    timeoutMs: commitTimeoutMs,
    signal: commit.signal,
  } as const
  for (const began = Date.now(); ;) {
    try {
      await connection.askFor(ask, maxAnswerBytes)
      return
    } catch (error) {
      if (isCollecting(error) && Date.now() - began < maxCollectionMs) await delay(0)
      else throw refusalOf(connection, error)
    }
  }
}

function isCollecting(error: unknown): boolean {
  return (
    error instanceof StoreUnavailableError &&
    error.cause instanceof RemoteProblem &&
    error.cause.problem === 'COLLECTION_RUNNING'
  )
}

function refusalOf({ name }: RemoteConnection, error: unknown): unknown {
  if (!(error instanceof RemoteProblem)) return error
  const { problem, message } = error
  switch (problem) {
    case 'PUBLISH_CONFLICT':
    case 'CONTENT_MISSING':
      return new BlobChangedError(name, timestampKey, error)
    case 'VERSION_EXISTS':
    case 'VERSION_NOT_INCREASING':
      return new RepositoryError(problem, message, { hint: 'publish it under a later version', cause: error })
    default:
      return remoteRefusal(name, error)
  }
}

/** As a person at the command line is told of it. */
export function remoteRefusal(name: string, problem: RemoteProblem): RemoteError {
  const text = `${name}: ${problem.message}`
  switch (problem.problem) {
    case 'UNAUTHENTICATED':
      return new RemoteError('UNAUTHENTICATED', text, {
        hint: 'set VEND_TOKEN_FILE or VEND_TOKEN to a token that is good here; "vend token create" makes one',
        cause: problem,
      })
    case 'FORBIDDEN':
      return new RemoteError('FORBIDDEN', text, {
        hint: 'use a token that has this grant; GET /v1/whoami says what one may do',
        cause: problem,
      })
    case 'ROUTE_UNKNOWN':
    case 'BODY_UNEXPECTED':
    case 'METHOD_NOT_ALLOWED':
      return new RemoteError('SERVER_REFUSED', `${name} takes no publishes`, {
        hint: 'start the server with --publishing yes, and check the URL',
        cause: problem,
      })
    default: {
      const code = problem.problem === '' ? '' : ` (${problem.problem})`
      return new RemoteError('SERVER_REFUSED', `${text}${code}`, { cause: problem })
    }
  }
}
