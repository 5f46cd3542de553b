import { readFileSync } from 'node:fs'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { MachineError } from '../client/errors.ts'
import { HttpFetcher } from '../client/http-fetcher.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import type { TrustArgument } from './parse-trust.ts'

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
  url: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const bytes = trust.kind === 'file' ? readFileSync(trust.path) : await fetchRoot(trust.digest, url, signal)
  readRoot(bytes, trust.kind === 'file' ? trust.path : firstRoot)
  return bytes
}

async function fetchRoot(digest: Digest, url: string, signal: AbortSignal): Promise<Buffer> {
  await using fetcher = new HttpFetcher({ baseUrl: url, attempts })
  const bytes = await fetcher.fetch(firstRoot, { maxBytes: maxRootBytes, signal })
  if (bytes === undefined) {
    throw new MachineError('SERVER_REFUSED', `${fetcher.url(firstRoot)}: the server has no such thing`, {
      hint: 'is the URL that of a repository?',
    })
  }
  const found = digestOf(bytes)
  if (found === digest) return bytes
  throw new MachineError('UNTRUSTED', `${fetcher.url(firstRoot)} has the digest ${found}, not ${digest}`, {
    hint: 'ask whoever runs the repository for the digest that "vend init" says, and do not take it from the server',
  })
}
