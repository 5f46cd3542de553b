export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/**
 * The one spelling of a value (RFC 8785, of which our documents use integers, strings, booleans, arrays and
 * objects): no white space, names in order of their UTF-16 code units, members that are undefined left out.
 * Throws a TypeError on a number that is not a safe integer: there is no such number in any document.
 */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(',')}]`
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new TypeError(`not a safe integer: ${value}`)
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter((member): member is [string, JsonValue] => member[1] !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
    return `{${members.join(',')}}`
  }
  return JSON.stringify(value)
}
