import * as z from 'zod'

const plainGrants = ['ingest', 'watch', 'operate', 'administer'] as const

/** A module's or channel's name in which any number of `*` stand for any number of characters. */
export const patternField = z
  .string()
  .regex(/^[a-z0-9*][a-z0-9._*-]{0,63}$/, 'is neither a name nor a pattern such as kernel-*')

const patternsField = z.array(patternField).max(256).readonly()

export const grantSchema = z.discriminatedUnion('may', [
  z
    .strictObject({ may: z.literal('publish'), modules: patternsField, channels: patternsField })
    .refine(
      ({ modules, channels }) => modules.length + channels.length > 0,
      'names no module and no channel',
    ),
  ...plainGrants.map((may) => z.strictObject({ may: z.literal(may) })),
])

/**
 * What a principal may do. A grant is a whole: what needs a module and a channel needs one grant that has both.
 *
 * - publish: releases whose changes are in `modules`, and changes of the channels in `channels`;
 * - ingest: sending trees for the server to publish;
 * - watch: reading jobs;
 * - operate: starting maintenance, and cancelling any job;
 * - administer: tokens, the access log, and what is signed besides releases and channels.
 */
export type Grant = z.output<typeof grantSchema>

export type GrantName = Grant['may']

export type PublishGrant = Extract<Grant, { readonly may: 'publish' }>

export const grantNames = ['publish', ...plainGrants] as const satisfies readonly GrantName[]

/** `publish modules base,web channels beta`, `watch` … */
export function describeGrant(grant: Grant): string {
  if (grant.may !== 'publish') return grant.may
  const { modules, channels } = grant
  const ofModules = modules.length > 0 ? ` modules ${modules.join(',')}` : ''
  return `publish${ofModules}${channels.length > 0 ? ` channels ${channels.join(',')}` : ''}`
}
