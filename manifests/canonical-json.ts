export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/**
 * The one spelling of a value (RFC 8785, of which our documents use integers, strings, booleans, arrays and
 * objects): no white space, names in order of their UTF-16 code units, members that are undefined left out.
 * Throws a TypeError on a number that is not a safe integer and on a string with half a surrogate pair: there are
 * no such values in any document.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return canonicalText(value)
  if (typeof value === 'number') return canonicalInteger(value)
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(',')}]`
  if (typeof value === 'boolean' || value === null) return String(value)
  const members = Object.entries(value)
    .filter((member): member is [string, JsonValue] => member[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${canonicalText(name)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

function canonicalText(text: string): string {
  if (!text.isWellFormed()) throw new TypeError(`half a surrogate pair is not text: ${JSON.stringify(text)}`)
  return JSON.stringify(text)
}

function canonicalInteger(integer: number): string {
  if (!Number.isSafeInteger(integer)) throw new TypeError(`not a safe integer: ${integer}`)
  return String(integer)
}
