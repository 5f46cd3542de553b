/** The header of a 64-bit little-endian program for a machine (e_machine), and nothing after it. */
export function elfFile(machine: number): Buffer {
  const head = Buffer.alloc(64)
  head.write('\x7fELF\x02\x01\x01', 'latin1')
  head.writeUInt16LE(3, 16)
  head.writeUInt16LE(machine, 18)
  return head
}
