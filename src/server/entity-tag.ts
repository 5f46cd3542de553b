import { hash } from 'node:crypto'

/** A strong entity tag out of what determines an answer's bytes, short and free of what it was made of. */
export function entityTag(...parts: readonly string[]): string {
  return `"${hash('sha256', parts.join('\0')).slice(0, 32)}"`
}
