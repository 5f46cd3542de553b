import { createHash } from 'node:crypto'
import * as z from 'zod'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { parseDigest, type Digest } from '../../manifests/digest.ts'
import { nameField } from '../../manifests/names.ts'
import { JobError } from './errors.ts'
import { jobKinds, type JobKind } from './job-kinds.ts'

const digestField = z.string().transform((text, context): Digest => {
  try {
    return parseDigest(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'is not sha256: and 64 hexadecimal digits' })
    return z.NEVER
  }
})

/** What has to be said of each kind. */
const details = {
  /** From a manifest, or from nothing, to a manifest, both of which a release names. */
  'build-pack': z.strictObject({ from: digestField.optional(), to: digestField }),
  verify: z.strictObject({}),
  'collect-garbage': z.strictObject({ dryRun: z.boolean().optional(), dropOldPacks: z.boolean().optional() }),
  /** From a source that the workers' operator has named. */
  mirror: z.strictObject({
    source: z.string().min(1).max(1000),
    channels: z.array(nameField).max(100).optional(),
    modules: z.array(nameField).max(100).optional(),
    keepLast: z.int().min(1).max(1_000_000).optional(),
  }),
  'refresh-timestamp': z.strictObject({}),
} as const satisfies Record<JobKind, z.ZodType>

export type JobDetails<Kind extends JobKind> = z.output<(typeof details)[Kind]>

/** What is to be done. Two orders that are equal are one piece of work. */
export type JobOrder = {
  [Kind in JobKind]: { readonly kind: Kind; readonly details: JobDetails<Kind> }
}[JobKind]

/** More is refused: a job names things, and does not carry them. */
export const maxOrderBytes = 8192

/** Checks what came over a wire: into a queue, and out of it again. Throws JOB_INVALID with the place. */
export function readOrder(kind: unknown, given: unknown): JobOrder {
  const known = jobKinds.find((each) => each === kind)
  if (known === undefined) {
    throw new JobError('JOB_INVALID', `kind: is none of ${jobKinds.join(', ')}`)
  }
  const { success, data, error } = details[known].safeParse(given)
  if (success) return { kind: known, details: data } as JobOrder
  const [issue] = error.issues
  const place = ['details', ...(issue?.path.map(String) ?? [])].join('.')
  throw new JobError('JOB_INVALID', `${place}: ${issue?.message.slice(0, 200) ?? 'is wrong'}`)
}

/** The same for the same work, whoever asks for it: 32 hexadecimal digits. */
export function contentOf({ kind, details: given }: JobOrder): string {
  const text = canonicalJson({ kind, details: given as JsonValue })
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
