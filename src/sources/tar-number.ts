/**
 * A number in a tar header: octal digits between blanks, or with the highest bit of the first byte set a signed
 * number in base 256 (GNU, star). Undefined for a blank field; NaN for what is no number, or not exact in a double.
 */
export function parseTarNumber(field: Buffer): number | undefined {
  if (((field[0] ?? 0) & 0x80) !== 0) return parseBase256(field)
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1')) ?? []
  if (digits === undefined) return Number.NaN
  return digits === '' ? undefined : exact(Number.parseInt(digits, 8))
}

function parseBase256(field: Buffer): number {
  let value = BigInt.asIntN(7, BigInt((field[0] ?? 0) & 0x7f))
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte)
  return exact(Number(value))
}

function exact(value: number): number {
  return Number.isSafeInteger(value) ? value : Number.NaN
}
