import { crc32 } from 'node:zlib'
import { makeTokenSecret } from '../../../../src/access/token-secret.ts'

/** A token with the id of a real one, another secret, and a checksum that is right. */
export function forgeToken(id: string): string {
  const { text, id: own } = makeTokenSecret()
  const head = text.slice(0, -7).replace(own, id)
  return head + base32Checksum(head)
}

/** As RFC 4648 has it, in lower case; not by the code under test. */
function base32Checksum(head: string): string {
  const bits = (BigInt(crc32(head)) << 3n).toString(2).padStart(35, '0')
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('')
}
