import type { Targets } from '@tufjs/models'
import { formatInstant, instantField } from '../../manifests/fields.ts'

/** When releases or channels were signed, by the clock of who signed them: a member that TUF does not know. */
export function signedAtMember(now: Date): { readonly signedAt: string } {
  return { signedAt: formatInstant(now) }
}

/** Undefined where it was not said. */
export function signedAtOf({ unrecognizedFields }: Targets): Date | undefined {
  const { data } = instantField.safeParse(unrecognizedFields['signedAt'])
  return data === undefined ? undefined : new Date(data)
}
