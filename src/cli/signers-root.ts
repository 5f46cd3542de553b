import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { digestOf } from '../../manifests/digest.ts'
import { TrustError } from '../trust/errors.ts'
import type { TrustedRoot } from '../trust/root-chain.ts'
import { bytesOf } from '../trust/sign-metadata.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import type { TrustArgument } from './parse-trust.ts'

/**
 * The root that whoever signs with a key knows to be right: what was named, or else root.json beside the key, or in the
 * key directory. Throws ROOT_MISMATCH where there is none.
 */
export function signersRoot(
  named: TrustArgument | undefined,
  keyFile: string,
  keyDirectory: string,
): TrustedRoot {
  if (named?.kind === 'digest') return { digest: named.digest, source: named.digest }
  const places = [dirname(keyFile), keyDirectory].map((directory) => join(directory, 'root.json'))
  const path = named?.path ?? places.find((place) => existsSync(place))
  if (path !== undefined) {
    // As it is stored, whatever spelling this copy has.
    const { metadata } = readRoot(readFileSync(path), path)
    return { digest: digestOf(bytesOf(metadata)), source: path }
  }
  throw new TrustError(
    'ROOT_MISMATCH',
    `nothing here says what the repository's root is: there is no ${places[0]}`,
    {
      hint: 'put the root.json that "vend init" made beside the key, or name its digest with --root sha256:…',
    },
  )
}
