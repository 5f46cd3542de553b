import { firstAtLeast } from './first-at-least.ts'
import type { Form, ReferenceList } from './reference-list.ts'

/** The references of a table that had to be read from its start: ascending offsets. */
export interface ParsedTable {
  readonly offsets: Float64Array
  readonly forms: Uint8Array
  /** Absent where they are all 0. */
  readonly extras?: Float64Array
}

/** Adds to `found` what lies wholly in the `length` bytes from `offset` of the file on. */
export function collectParsed(
  table: ParsedTable,
  length: number,
  offset: number,
  found: ReferenceList,
): void {
  const { offsets, forms, extras } = table
  const last = offset + length - 4
  for (let index = firstAtLeast(offsets, offset); index < offsets.length; index++) {
    const at = offsets[index] as number
    if (at > last) return
    found.add(at, forms[index] as Form, extras?.[index] ?? 0)
  }
}
