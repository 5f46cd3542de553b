import { readFileSync } from 'node:fs'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { MachineError } from '../client/errors.ts'
import { HttpFetcher } from '../client/http-fetcher.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import type { FutureMachine } from './look-at-repository.ts'
import type { TrustArgument } from './parse-trust.ts'

type RepositoryServer = Pick<FutureMachine, 'url' | 'connection' | 'env' | 'onMirrorLeft'>

const firstRoot = 'tuf/metadata/1.root.json'
const maxRootBytes = 1 << 20
/** Someone waits for an answer. */
const attempts = 3

/**
 * The root metadata that a machine is to trust: a file's, or that of the repository when it has the digest. Throws
 * METADATA_INVALID for what is no root, UNTRUSTED for another than the digest's, and what fetching throws.
 */
export async function findTrustedRoot(
  trust: TrustArgument,
  server: RepositoryServer,
  signal: AbortSignal,
): Promise<Buffer> {
  const bytes =
    trust.kind === 'file' ? readFileSync(trust.path) : await fetchRoot(trust.digest, server, signal)
  readRoot(bytes, trust.kind === 'file' ? trust.path : firstRoot)
  return bytes
}

async function fetchRoot(digest: Digest, server: RepositoryServer, signal: AbortSignal): Promise<Buffer> {
  const { url: baseUrl, connection, env, onMirrorLeft } = server
  await using fetcher = new HttpFetcher({ baseUrl, connection, env, onMirrorLeft, attempts })
  const root = await fetcher.fetchChecked(firstRoot, { maxBytes: maxRootBytes, signal }, (bytes) => {
    const found = digestOf(bytes)
    if (found === digest) return bytes
    throw new MachineError('UNTRUSTED', `${fetcher.url(firstRoot)} has the digest ${found}, not ${digest}`, {
      hint: 'ask whoever runs the repository for the digest that "vend init" says, and do not take it from the server',
    })
  })
  if (root !== undefined) return root
  throw new MachineError('SERVER_REFUSED', `${fetcher.url(firstRoot)}: the server has no such thing`, {
    hint: 'is the URL that of a repository?',
  })
}
