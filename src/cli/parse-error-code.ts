import { quote } from './setting-parsers.ts'

/** As docs/errors.md lists them. */
export function parseErrorCode(text: string): string {
  if (/^[A-Z][A-Z0-9_]{0,39}$/.test(text)) return text
  throw new Error(
    `${quote(text)} is not an error code; write one of docs/errors.md, such as SERVER_UNREACHABLE`,
  )
}
