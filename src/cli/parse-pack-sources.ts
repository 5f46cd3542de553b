import { readVersion } from './release-name.ts'

/** Which releases machines are to get packs from: those they are likely to have, or these. */
export type PackSources = 'auto' | readonly number[]

/** `auto`, or versions: `10,11`. */
export function parsePackSources(text: string): PackSources {
  return text === 'auto' ? 'auto' : text.split(',').map(readVersion)
}
