/** e_machine of the ELF header, for those that are little-endian unless it says otherwise, as OCI (Go) calls them. */
const machines: ReadonlyMap<string, string> = new Map([
  ['2:1:62', 'amd64'],
  ['1:1:3', '386'],
  ['2:1:183', 'arm64'],
  ['1:1:40', 'arm'],
  ['2:1:243', 'riscv64'],
  ['2:1:21', 'ppc64le'],
  ['2:2:21', 'ppc64'],
  ['2:2:22', 's390x'],
  ['2:1:258', 'loong64'],
])

const headBytes = 20
const executable = 2
const sharedObject = 3

/** The architecture that a program is for, by the first bytes of its file; undefined for what is no program. */
export function architectureOf(head: Uint8Array): string | undefined {
  if (head.length < headBytes) return undefined
  const bytes = Buffer.from(head.buffer, head.byteOffset, headBytes)
  if (bytes.toString('latin1', 0, 4) !== '\x7fELF') return undefined
  const [bits, order] = [bytes.readUInt8(4), bytes.readUInt8(5)]
  const read = (offset: number): number =>
    order === 2 ? bytes.readUInt16BE(offset) : bytes.readUInt16LE(offset)
  const type = read(16)
  if (type !== executable && type !== sharedObject) return undefined
  return machines.get(`${bits}:${order}:${read(18)}`)
}
