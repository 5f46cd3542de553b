import { tokenIdPattern } from '../access/token-secret.ts'

/** Never says what was typed: it may be a token, from its secret to its last character. */
export function parseTokenId(text: string): string {
  if (tokenIdPattern.test(text)) return text
  throw new Error('is not the id of a token: 16 of a-z 2-7, as "vend token list" shows it')
}
