import type { Metadata, Root } from '@tufjs/models'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import type { Draft } from './draft.ts'
import { TrustError } from './errors.ts'
import { bytesOf } from './sign-metadata.ts'
import { verifies } from './verify-metadata.ts'

/** A root that whoever signs knows to be the repository's, by the digest of its file. */
export interface TrustedRoot {
  readonly digest: Digest
  /** Where it is known from, for messages. */
  readonly source: string
}

/**
 * Checks that what a draft replaces follows from a root that is trusted, by the roots between the two, each signed by the
 * keys of the one before it (TUF §5.3). Whoever carried the draft could otherwise have invented it, and with it all that a
 * reader compares the change to. Throws ROOT_MISMATCH.
 */
export function refuseOtherChain({ earlierRoots, base }: Draft, trusted: TrustedRoot): void {
  const chain = [...earlierRoots, base.root]
  const start = chain.findIndex((root) => digestOf(bytesOf(root)) === trusted.digest)
  if (start < 0) {
    throw otherRepository(`what the draft replaces does not come from the root of ${trusted.source}`)
  }
  for (let i = start + 1; i < chain.length; i++) {
    if (follows(chain[i - 1], chain[i])) continue
    throw otherRepository(
      `root ${chain[i]?.signed.version} in the draft does not follow from the one before it`,
    )
  }
}

function follows(before: Metadata<Root> | undefined, root: Metadata<Root> | undefined): boolean {
  if (before === undefined || root?.signed.version !== before.signed.version + 1) return false
  return verifies(before, 'root', root) && verifies(root, 'root', root)
}

function otherRepository(problem: string): TrustError {
  return new TrustError('ROOT_MISMATCH', `${problem}: it may be of another repository, or invented`, {
    hint: 'do not sign it before you know where it is from; if it is the trusted root that is another, name the right one with --root',
  })
}
