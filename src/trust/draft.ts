import { Metadata, MetadataKind, type Root, type Targets } from '@tufjs/models'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { TrustError } from './errors.ts'
import { hasOwnId, shortKeyId } from './public-key.ts'
import { addSignatures, type SignedRole } from './sign-metadata.ts'
import type { Signer } from './signer.ts'
import { refuseTwins } from './verify-metadata.ts'

/**
 * A root, targets or both that are to take the place of a repository's, on their way between the machines where their
 * keys are. A draft carries what it replaces, so that whoever signs sees what changes, without the store.
 */
export interface Draft {
  /** Those before the one that it replaces, first to last: by them whoever trusts one of them knows the last. */
  readonly earlierRoots: readonly Metadata<Root>[]
  readonly base: { readonly root: Metadata<Root>; readonly targets: Metadata<Targets> }
  readonly root: Metadata<Root> | undefined
  readonly targets: Metadata<Targets> | undefined
}

export type DraftDocument = 'root' | 'targets'

/** Keys of which so many have to sign a document, and who of them did. */
export interface SignatureNeed {
  readonly document: DraftDocument
  /** `root of version 3`; who says so. */
  readonly by: string
  readonly threshold: number
  readonly keyIds: readonly string[]
  readonly signed: readonly string[]
  /** False for what is only of use to machines that ask while the draft is applied. */
  readonly isRequired: boolean
}

const format = 'vend.draft/1'

export function encodeDraft({ earlierRoots, base, root, targets }: Draft): string {
  const document = {
    format,
    earlierRoots: earlierRoots.map((earlier) => earlier.toJSON()),
    base: { root: base.root.toJSON(), targets: base.targets.toJSON() },
    ...(root !== undefined && { root: root.toJSON() }),
    ...(targets !== undefined && { targets: targets.toJSON() }),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** Throws DRAFT_INVALID for what is no draft, or one that does not follow from what it says that it replaces. */
export function decodeDraft(text: string, source: string): Draft {
  try {
    const found = JSON.parse(text) as Record<string, unknown> & {
      readonly base?: Record<string, unknown>
      readonly earlierRoots?: readonly unknown[]
    }
    if (found['format'] !== format) throw new TypeError(`its format is not ${format}`)
    const draft = {
      earlierRoots: (found.earlierRoots ?? []).map(readRoot),
      base: { root: readRoot(found.base?.['root']), targets: readTargets(found.base?.['targets']) },
      root: found['root'] === undefined ? undefined : readRoot(found['root']),
      targets: found['targets'] === undefined ? undefined : readTargets(found['targets']),
    }
    refuseUnfounded(draft)
    return draft
  } catch (cause) {
    throw new TrustError('DRAFT_INVALID', `${source} is not a draft to sign: ${(cause as Error).message}`, {
      hint: 'make one with "vend keys propose"',
      cause,
    })
  }
}

function refuseUnfounded({ base, root, targets }: Draft): void {
  for (const metadata of [base.root, base.targets, root, targets]) refuseOtherIds(metadata)
  base.root.verifyDelegate('root', base.root)
  base.root.verifyDelegate('targets', base.targets)
  if (root === undefined && targets === undefined) throw new TypeError('it changes nothing')
  if (root !== undefined && root.signed.version !== base.root.signed.version + 1)
    throw new TypeError('its root is not the one after the root that it replaces')
  if (targets !== undefined && targets.signed.version <= base.targets.signed.version)
    throw new TypeError('its targets are not later than those that they replace')
}

/** Whoever signs a draft knows keys by their ids. */
function refuseOtherIds(metadata: Metadata<Root> | Metadata<Targets> | undefined): void {
  const signed = metadata?.signed
  const keys = signed === undefined ? {} : 'keys' in signed ? signed.keys : (signed.delegations?.keys ?? {})
  for (const [id, key] of Object.entries(keys)) {
    if (id !== key.keyID || !hasOwnId(key)) throw new TypeError(`the key under the id ${id} is another one`)
  }
  refuseTwins(keys)
}

/**
 * Every role whose keys have to sign. The next root is signed by the keys of the root before it too (TUF §5.3.4). That
 * of targets before it may: with both signatures they are read by machines that do not know the next root yet.
 */
export function signaturesNeeded({ base, root, targets }: Draft): SignatureNeed[] {
  const needs: SignatureNeed[] = []
  if (root !== undefined) needs.push(needOf('root', base.root, root), needOf('root', root, root))
  if (targets === undefined) return needs
  needs.push(needOf('targets', root ?? base.root, targets))
  if (root === undefined || !hasOtherTargetsKeys(base.root, root)) return needs
  return [...needs, { ...needOf('targets', base.root, targets), isRequired: false }]
}

export function isSignedEnough(draft: Draft): boolean {
  return signaturesNeeded(draft).every(isMet)
}

/** Whether there are enough signatures, or none are required. */
export function isMet({ signed, threshold, isRequired }: SignatureNeed): boolean {
  return !isRequired || signed.length >= threshold
}

function hasOtherTargetsKeys(before: Metadata<Root>, after: Metadata<Root>): boolean {
  const [old, next] = [before, after].map(({ signed }) =>
    canonicalJson(signed.roles['targets']?.toJSON() as JsonValue),
  )
  return old !== next
}

/** Adds a signature to each document that the key is for. Throws KEY_WRONG when there is none. */
export async function signDraft(draft: Draft, signer: Signer): Promise<readonly DraftDocument[]> {
  const needs = signaturesNeeded(draft).filter(({ keyIds }) => keyIds.includes(signer.key.keyID))
  const documents = [...new Set(needs.map(({ document }) => document))]
  if (documents.length === 0) {
    throw new TrustError(
      'KEY_WRONG',
      `no role that signs this draft has the key ${shortKeyId(signer.key.keyID)}`,
      {
        hint: '"vend keys status" lists the keys of every role; a draft is signed by those of root and targets alone',
      },
    )
  }
  for (const document of documents) await addSignatures(draft[document] as Metadata<SignedRole>, [signer])
  return documents
}

/** One draft with the signatures of all. Throws DRAFT_INVALID unless they are copies of the same. */
export function mergeDrafts(drafts: readonly [Draft, ...Draft[]]): Draft {
  const [merged, ...others] = drafts
  for (const other of others) {
    if (identityOf(other) !== identityOf(merged)) {
      throw new TrustError('DRAFT_INVALID', 'these are drafts of different changes', {
        hint: 'merge only copies of one draft',
      })
    }
    for (const document of ['root', 'targets'] as const)
      Object.assign(merged[document]?.signatures ?? {}, validSignatures(document, other))
  }
  return merged
}

/** A copy may have been damaged on its way: a signature that does not verify takes no other's place. */
function validSignatures(document: DraftDocument, draft: Draft): Metadata<SignedRole>['signatures'] {
  const needs = signaturesNeeded(draft).filter((need) => need.document === document)
  const signed = new Set(needs.flatMap((need) => need.signed))
  const all = Object.entries(draft[document]?.signatures ?? {})
  return Object.fromEntries(all.filter(([keyId]) => signed.has(keyId)))
}

function identityOf({ base, root, targets }: Draft): string {
  const parts = [base.root, base.targets, root, targets]
  return canonicalJson(parts.map((part) => (part?.signed.toJSON() ?? null) as JsonValue))
}

function needOf(
  document: DraftDocument,
  by: Metadata<Root>,
  signed: Metadata<Root> | Metadata<Targets>,
): SignatureNeed {
  const { roles, keys, version } = by.signed
  const { keyIDs, threshold } = roles[document] ?? { keyIDs: [], threshold: 1 }
  const hasSigned = (keyId: string): boolean => {
    try {
      keys[keyId]?.verifySignature(signed)
      return keys[keyId] !== undefined
    } catch {
      return false
    }
  }
  return {
    document,
    by: `root of version ${version}`,
    threshold,
    keyIds: keyIDs,
    signed: keyIDs.filter(hasSigned),
    isRequired: true,
  }
}

type Json = Parameters<typeof Metadata.fromJSON>[1]

function readRoot(found: unknown): Metadata<Root> {
  return Metadata.fromJSON(MetadataKind.Root, found as Json)
}

function readTargets(found: unknown): Metadata<Targets> {
  return Metadata.fromJSON(MetadataKind.Targets, found as Json)
}
