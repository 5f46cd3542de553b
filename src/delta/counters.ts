import type { Outcome } from './learner.ts'
import { form } from './reference-list.ts'
import type { ReferenceList } from './reference-list.ts'

/** What names that the kernel's `__UNIQUE_ID` makes begin with; a number that counts up in the source ends them. */
const prefix = Buffer.from('__UNIQUE_ID_')
const maxNameBytes = 128
/** A number is predicted as one field of 32 bits, which its last digit ends. */
const fieldBytes = 4
const minDigits = 2
const zero = 0x30
const dot = 0x2e

/**
 * Adds to `found` the counters in the names of `bytes` from `from` to `to`, the first of which is at `offset`. The
 * compiler may have put a dot and a number of its own behind a counter.
 */
export function collectCounters(
  bytes: Uint8Array,
  from: number,
  to: number,
  offset: number,
  found: ReferenceList,
): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)
  let next = 0
  for (let at = text.indexOf(prefix); at >= 0; at = text.indexOf(prefix, next)) {
    next = at + 1
    let end = at + prefix.length
    while (end < text.length && end - at < maxNameBytes && text[end] !== 0 && text[end] !== dot) end++
    if (end === text.length || end - at === maxNameBytes) continue
    // A prefix inside this name would make one counter two, of which only one could be foreseen.
    next = end
    let start = end
    while (end - start < fieldBytes && isDigit(text[start - 1] as number)) start--
    if (end - start >= minDigits) found.add(end - fieldBytes + offset, form.counter, end - start)
  }
}

/** Makes the counters of `view` alike, where `found` has them. */
export function blankCounters(view: Uint8Array, found: ReferenceList): void {
  for (let index = 0; index < found.count; index++) {
    const end = (found.offsets[index] as number) + fieldBytes
    view.fill(zero, end - (found.extras[index] as number), end)
  }
}

/**
 * Predicts the counter of `digits` digits that ends the field at `at`, if it moves by `shift` as the one before did.
 * Gives by how much it did move.
 */
export function predictCounter(
  view: DataView,
  at: number,
  digits: number,
  shift: number,
  outcome: Outcome,
): number {
  const value = readDigits(view.getUint32(at, true), digits) ?? 0
  const moved = value + shift
  if (moved >= 10 ** (digits - 1) && moved < 10 ** digits) writeDigits(view, at + fieldBytes, digits, moved)
  const became = readDigits(outcome(at, view.getUint32(at, true)), digits)
  return became === undefined ? shift : became - value
}

/** The number in the last `digits` bytes of a field. */
function readDigits(field: number, digits: number): number | undefined {
  let value = 0
  for (let index = fieldBytes - digits; index < fieldBytes; index++) {
    const digit = (field >>> (index * 8)) & 0xff
    if (!isDigit(digit)) return undefined
    value = value * 10 + digit - zero
  }
  return value
}

function writeDigits(view: DataView, end: number, digits: number, value: number): void {
  let rest = value
  for (let at = end - 1; at >= end - digits; at--) {
    view.setUint8(at, zero + (rest % 10))
    rest = Math.floor(rest / 10)
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte < zero + 10
}
