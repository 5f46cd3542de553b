import { parseReleaseName, type ReleaseName } from './release-name.ts'

/** How people name where a machine comes from: a release, or nothing at all. */
export type OriginName = ReleaseName | { readonly kind: 'nothing' }

/** `none` is a first install. */
export function parseOrigin(text: string): OriginName {
  return text === 'none' ? { kind: 'nothing' } : parseReleaseName(text)
}
