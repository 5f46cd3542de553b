import type { JsonValue } from '../../manifests/canonical-json.ts'
import { changesOf, type DocumentChange, type RoleChange } from '../trust/draft-changes.ts'
import { isMet, signaturesNeeded, type Draft, type SignatureNeed } from '../trust/draft.ts'

/** As much of a key id as tells keys apart. */
export function shortId(id: string): string {
  return id.slice(0, 12)
}

/** What a draft changes, and who has signed it. */
export function describeDraft(draft: Draft): {
  readonly json: Readonly<Record<string, JsonValue>>
  readonly text: string
} {
  const { documents, roles } = changesOf(draft)
  const needs = signaturesNeeded(draft)
  const lines = [
    'It changes',
    ...documents.flatMap(documentLines),
    ...roles.flatMap(roleLines),
    'By the draft itself, what it replaces; whoever carried it could have invented that. In the end these keys sign:',
    ...keysAfter(draft).flatMap(keysLines),
    'Signatures:',
    ...needs.map(needLine),
  ]
  return {
    json: {
      documents: documents as unknown as JsonValue,
      roles: roles as unknown as JsonValue,
      keys: keysAfter(draft) as unknown as JsonValue,
      signatures: needs as unknown as JsonValue,
      complete: needs.every(isMet),
    },
    text: `${lines.join('\n')}\n`,
  }
}

interface RoleKeys {
  readonly role: string
  readonly threshold: number
  readonly keyIds: readonly string[]
}

/** Of the documents that are to be signed, whatever they replace. */
function keysAfter({ root, targets }: Draft): RoleKeys[] {
  const own = Object.entries(root?.signed.roles ?? {})
  const delegated = Object.entries(targets?.signed.delegations?.roles ?? {})
  return [...own, ...delegated].map(([role, { threshold, keyIDs }]) => ({ role, threshold, keyIds: keyIDs }))
}

function keysLines({ role, threshold, keyIds }: RoleKeys): string[] {
  return [`  ${role}: ${threshold} of`, ...keyIds.map((id) => `    ${id}`)]
}

function documentLines({ document, version, expires, otherMembers }: DocumentChange): string[] {
  const head = `  ${document}: version ${version.from} to ${version.to}, good until ${expires.to} (was ${expires.from})`
  const others = otherMembers.map((member) => `    and also ${member}: look at the file before you sign`)
  return [head, ...others]
}

function roleLines({ role, added, removed, threshold, keyIds }: RoleChange): string[] {
  return [
    `  keys of ${role}: ${threshold.to} of ${keyIds.length} sign${threshold.from === threshold.to ? '' : ` (${threshold.from} before)`}`,
    ...added.map((id) => `    + ${id}`),
    ...removed.map((id) => `    - ${id}`),
  ]
}

function needLine({ document, by, threshold, keyIds, signed, isRequired }: SignatureNeed): string {
  const missing = keyIds.filter((id) => !signed.includes(id)).map(shortId)
  const left = threshold - signed.length
  const wish = isRequired ? 'still to sign' : 'may sign too, for machines that ask meanwhile'
  const more = left <= 0 ? 'enough' : `${wish}: ${left} of ${missing.join(', ')}`
  return `  ${document}, as the ${by} asks: ${signed.length} of ${threshold}, ${more}`
}
