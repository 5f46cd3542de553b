import { describe, expect, test } from 'vitest'
import { FrameTable } from '../../../src/delta/eh-frame.ts'
import { form, ReferenceList } from '../../../src/delta/reference-list.ts'
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

/** Of the `to - from` bytes from `from` on: position, form and extra of each reference. */
function read(bytes: Buffer, from = 0, to = bytes.length) {
  const readAt = (offset: number, length: number) =>
    bytes.subarray(offset - region.offset, offset - region.offset + length)
  const found = new ReferenceList()
  const table = new FrameTable({ ...region, length: bytes.length }, readAt)
  table.collect(bytes, from, to, region.offset + from, found)
  return Array.from({ length: found.count }, (_, index) => [
    (found.offsets[index] as number) - region.offset,
    found.forms[index],
    found.extras[index],
  ])
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
    const table = new FrameTable({ ...region, length: (32 << 20) + 1 }, () => expect.unreachable())
    const found = new ReferenceList()
    table.collect(Buffer.alloc(1 << 10), 0, 1 << 10, region.offset, found)
    expect(found.count).toBe(0)
  })
})

describe('a section that is looked at in pieces', () => {
  const frame = entry(20, 28, -0x1000, 0x40)
  frame[16] = 4
  const frames = Buffer.concat([cie, frame, frame, frame])

  test('has the references that lie wholly in one, wherever it is cut', () => {
    const all = read(frames)
    expect(all).toHaveLength(12)
    for (let cut = 0; cut <= frames.length; cut++) {
      const whole = all.filter(([at = 0]) => at + 4 <= cut || at >= cut)
      expect([...read(frames, 0, cut), ...read(frames, cut)]).toEqual(whole)
    }
  })

  test('is found to its end, however long it is', () => {
    const many = Buffer.concat([cie, ...Array.from({ length: 10_000 }, () => frame)])
    expect(read(many)).toHaveLength(40_000)
  })
})
