/** Makes tar archives byte by byte, also such as no program would: for tests only. */

export interface MemberRecipe {
  readonly path: string
  readonly type?: string
  readonly content?: string | Uint8Array
  readonly link?: string
  readonly mode?: number
  readonly mtime?: number
  /** Said instead of the content's length, as it stands in the field. */
  readonly sizeField?: Buffer
  /** Changes the finished header; the checksum is made anew afterwards. */
  readonly patch?: (header: Buffer) => void
  /** Changes the finished header with its checksum. */
  readonly spoil?: (header: Buffer) => void
  /** No padding after the content. */
  readonly unpadded?: boolean
}

const end = Buffer.alloc(1024)

export function tarOf(members: readonly MemberRecipe[]): Buffer {
  return Buffer.concat([...members.map(memberOf), end])
}

/** Header, content and padding. `path` and `link` are one character a byte. */
export function memberOf(recipe: MemberRecipe): Buffer {
  const { path, type = '0', content = '', link = '', mode = 0o644, mtime = 0 } = recipe
  const body = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(path, 0, 100, 'latin1')
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  if (recipe.sizeField === undefined) header.write(octal(body.length, 11), 124)
  else recipe.sizeField.copy(header, 124)
  header.write(octal(mtime, 11), 136)
  header.write(type, 156, 1, 'latin1')
  header.write(link, 157, 100, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  recipe.patch?.(header)
  sign(header)
  recipe.spoil?.(header)
  const padding = recipe.unpadded === true ? 0 : (512 - (body.length % 512)) % 512
  return Buffer.concat([header, body, Buffer.alloc(padding)])
}

export function sign(header: Buffer): void {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
}

export function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** A number in base 256, in a field of so many bytes. */
export function base256(value: bigint, bytes: number): Buffer {
  const hex = BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0')
  const field = Buffer.from(hex, 'hex')
  field.writeUInt8((field[0] ?? 0) | 0x80)
  return field
}

/** A PAX extended header with these records, as they are or `key=value`. */
export function pax(records: readonly (string | Buffer)[], type = 'x'): MemberRecipe {
  return { path: 'PaxHeaders/x', type, content: Buffer.concat(records.map(paxRecord)) }
}

export function paxRecord(record: string | Buffer): Buffer {
  const text = typeof record === 'string' ? Buffer.from(record, 'latin1') : record
  let length = text.length + 3
  while (`${length}`.length + text.length + 2 !== length) length++
  return Buffer.concat([Buffer.from(`${length} `), text, Buffer.from('\n')])
}
