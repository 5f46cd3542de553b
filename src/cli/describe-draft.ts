import type { JsonValue } from '../../manifests/canonical-json.ts'
import { changesOf, type DocumentChange, type RoleChange } from '../trust/draft-changes.ts'
import { isMet, signaturesNeeded, type Draft, type SignatureNeed } from '../trust/draft.ts'
import { shortKeyId } from '../trust/public-key.ts'
import { formatTerm } from './format-term.ts'
import { allRoleKeys, type NamedRoleKeys } from '../trust/role-keys.ts'

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
    'In the end these keys sign:',
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

/** Of the documents that are to be signed, whatever they replace. */
function keysAfter({ root, targets }: Draft): readonly NamedRoleKeys[] {
  return allRoleKeys(root?.signed, targets?.signed)
}

function keysLines({ role, threshold, keyIds }: NamedRoleKeys): string[] {
  return [`  ${role}: ${threshold} of`, ...keyIds.map((id) => `    ${id}`)]
}

function documentLines({ document, version, expires, otherMembers }: DocumentChange): string[] {
  const head = `  ${document}: version ${version.from} to ${version.to}, good until ${expires.to} (was ${expires.from})`
  const others = otherMembers.map((member) => `    and also ${member}: look at the file before you sign`)
  return [head, ...others]
}

function roleLines({ role, added, removed, threshold, lifetimeSeconds, keyIds }: RoleChange): string[] {
  return [
    ...(lifetimeSeconds.from === lifetimeSeconds.to
      ? []
      : [
          `  signatures of ${role} are good for ${formatTerm(lifetimeSeconds.to)} (was ${formatTerm(lifetimeSeconds.from)})`,
        ]),
    `  keys of ${role}: ${threshold.to} of ${keyIds.length} sign${threshold.from === threshold.to ? '' : ` (${threshold.from} before)`}`,
    ...added.map((id) => `    + ${id}`),
    ...removed.map((id) => `    - ${id}`),
  ]
}

function needLine({ document, by, threshold, keyIds, signed, isRequired }: SignatureNeed): string {
  const missing = keyIds.filter((id) => !signed.includes(id)).map(shortKeyId)
  const left = threshold - signed.length
  const wish = isRequired ? 'still to sign' : 'may sign too, for machines that ask meanwhile'
  const more = left <= 0 ? 'enough' : `${wish}: ${left} of ${missing.join(', ')}`
  return `  ${document}, as the ${by} asks: ${signed.length} of ${threshold}, ${more}`
}
