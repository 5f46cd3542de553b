import type { Random } from './random.ts'

/** Numbers at which lengths and offsets tend to go wrong. */
const edges = [
  0,
  1,
  2,
  127,
  128,
  255,
  2 ** 15,
  2 ** 20 - 1,
  2 ** 20,
  2 ** 31,
  2 ** 32,
  2 ** 48,
  2 ** 52,
  2 ** 53 - 1,
]

/** A copy with something changed: a bit, a byte, a length, an order. May come out as it was. */
export function mutateBytes(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  const at = random.below(bytes.length + 1)
  const length = random.below(Math.min(64, bytes.length - at) + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + length)]
  switch (random.below(9)) {
    case 0:
      return flipBit(bytes, random)
    case 1:
      return setByte(bytes, random)
    case 2:
      return bytes.slice(0, at)
    case 3:
      return Buffer.concat([before, after])
    case 4:
      return Buffer.concat([before, random.bytes(random.between(1, 16)), after])
    case 5:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
    case 6: {
      const from = random.below(other.length + 1)
      return Buffer.concat([before, other.subarray(from, from + random.between(1, 64)), after])
    }
    case 7:
      return setNumber(bytes, random)
    default:
      return flipBit(flipBit(bytes, random), random)
  }
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = random.below(copy.length)
  if (copy.length > 0) copy[at] = (copy[at] as number) ^ (1 << random.below(8))
  return copy
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  if (copy.length > 0) copy[random.below(copy.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff])
  return copy
}

/** Two, four or eight bytes, little-endian, at a multiple of their count. */
function setNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Buffer.from(bytes)
  const width = random.pick([2, 4, 8])
  if (copy.length < width) return copy
  const at = random.below(Math.floor(copy.length / width)) * width
  const value = BigInt(random.pick(edges)) * (random.chance(3) ? -1n : 1n)
  if (width === 8) copy.writeBigUInt64LE(BigInt.asUintN(64, value), at)
  else copy.writeUIntLE(Number(BigInt.asUintN(width * 8, value)), at, width)
  return copy
}

/** One of the LEB128 numbers that `bytes` consist of replaced by another. */
export function mutateNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const starts = [0]
  for (const [index, byte] of bytes.entries()) if (byte < 0x80) starts.push(index + 1)
  const which = random.below(Math.max(1, starts.length - 1))
  const from = starts[which] ?? 0
  const to = starts[which + 1] ?? bytes.length
  return Buffer.concat([
    bytes.subarray(0, from),
    leb128(numberNear(bytes[from] ?? 0, random)),
    bytes.subarray(to),
  ])
}

function numberNear(value: number, random: Random): number {
  return random.chance(2) ? random.pick(edges) : Math.max(0, value + random.between(-3, 3))
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.from([...bytes, rest])
}
