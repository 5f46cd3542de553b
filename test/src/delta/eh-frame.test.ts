import { describe, expect, test } from 'vitest'
import { readEhFrame } from '../../../src/delta/eh-frame.ts'
import { form } from '../../../src/delta/reference-list.ts'
import type { Region } from '../../../src/delta/region.ts'

const region: Region = {
  section: 1,
  name: '.eh_frame',
  kind: 'eh-frame',
  offset: 0x100,
  length: 0,
  address: 0x5000,
  addressLength: 0,
  link: 0,
  info: 0,
  alignment: 8,
}

function read(bytes: Buffer) {
  const { offsets, forms, extras } = readEhFrame({ ...region, length: bytes.length }, () => bytes)
  return Array.from(offsets, (offset, index) => [offset - region.offset, forms[index], extras[index]])
}

/** A CIE or frame of `length` bytes after its length field. */
function entry(length: number, ...fields: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + length)
  bytes.writeUInt32LE(length, 0)
  for (const [index, field] of fields.entries()) bytes.writeInt32LE(field, 4 + index * 4)
  return bytes
}

const cie = entry(20, 0)

describe('a frame refers to', () => {
  test('its CIE, its code and how much of that there is', () => {
    const frame = entry(16, 28, -0x1000, 0x40)
    expect(read(Buffer.concat([cie, frame]))).toEqual([
      [28, form.backFromField, 0],
      [32, form.fromField, 0],
      [36, form.extent, 0x5000 + 32 - 0x1000],
    ])
  })

  test('its exception table too, where it has one', () => {
    const frame = entry(20, 28, -0x1000, 0x40)
    frame[16] = 4
    expect(read(Buffer.concat([cie, frame])).at(-1)).toEqual([24 + 17, form.fromField, 0])
    const short = entry(16, 28, -0x1000, 0x40)
    short[16] = 4
    expect(read(Buffer.concat([cie, short]))).toHaveLength(3)
  })
})

describe('nothing more is read', () => {
  const frame = entry(16, 28, 0, 1)

  test.each([
    ['of nothing', Buffer.alloc(0), 0],
    ['behind an end', Buffer.concat([cie, Buffer.alloc(4), frame]), 0],
    ['of a frame that is cut', Buffer.concat([cie, frame.subarray(0, -1)]), 0],
    ['of a frame that is too short', Buffer.concat([cie, entry(12, 28, 0, 1), frame]), 3],
    ['of 64-bit lengths', Buffer.concat([Buffer.alloc(4, 0xff), frame, frame]), 0],
  ])('%s', (_, bytes, references) => {
    expect(read(bytes)).toHaveLength(references)
  })

  test('of a section that is too large', () => {
    const { offsets } = readEhFrame({ ...region, length: (32 << 20) + 1 }, () => expect.unreachable())
    expect(offsets).toHaveLength(0)
  })
})
