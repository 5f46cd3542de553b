import type { Btf } from './btf.ts'
import { blankCounters } from './counters.ts'
import type { DeltaContext } from './delta-context.ts'
import type { ReferenceFinder } from './find-references.ts'
import { form, ReferenceList } from './reference-list.ts'

/** So much of a name tells it from others. */
const nameBytes = 64
const recordBytes = 12
/** What has no name is known by what it refers to, and that may have no name either. */
const rounds = 2

/**
 * Makes the fields that are learned comparable in `view`, a view of `content`: types and strings of a BTF section
 * become a hash of what they are. What lies elsewhere becomes, with a `context` (for the basis), what is known of it,
 * and stays as it is without one (for the target).
 */
export function identifyLearnable(
  view: Uint8Array,
  content: Uint8Array,
  finder: ReferenceFinder,
  context: DeltaContext | undefined,
): void {
  const original = new DataView(content.buffer, content.byteOffset, content.byteLength)
  const out = new DataView(view.buffer, view.byteOffset, view.byteLength)
  const found = new ReferenceList()
  for (const region of finder.learnable) {
    if (region.offset + region.length > content.length || region.kind === 'rela') continue
    found.clear()
    finder.collect(region, content, region.offset, region.offset + region.length, region.offset, found)
    if (region.kind === 'btf') identifyTypes(out, original, finder.btfOf(region), context)
    else if (region.kind === 'names') blankCounters(view, found)
    else if (context !== undefined) identifyChecksums(out, original, found, context)
  }
}

function identifyChecksums(
  out: DataView,
  original: DataView,
  found: ReferenceList,
  context: DeltaContext,
): void {
  for (let index = 0; index < found.count; index++) {
    const at = found.offsets[index] as number
    out.setUint32(at, context.checksums.valueOf(original.getUint32(at, true)), true)
  }
}

function identifyTypes(out: DataView, original: DataView, btf: Btf, context: DeltaContext | undefined): void {
  const { offsets, forms, types, firstType } = btf
  for (let index = 0; index < offsets.length; index++) {
    const at = offsets[index] as number
    if (forms[index] === form.typeName) out.setUint32(at, identityOfName(original, btf, at, context), true)
    else out.setUint32(at, identityOfBase(original.getUint32(at, true), firstType, context), true)
  }
  const identities = new Int32Array(types.length)
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < types.length; index++) identities[index] = hashType(out, btf, index)
    for (let index = 0; index < offsets.length; index++) {
      if (forms[index] === form.typeName) continue
      const at = offsets[index] as number
      const own = original.getUint32(at, true) - firstType
      if (own >= 0) out.setInt32(at, identities[own] ?? 0, true)
    }
  }
}

/** 0 for a type of the section itself. */
function identityOfBase(id: number, firstType: number, context: DeltaContext | undefined): number {
  if (id >= firstType) return 0
  return context === undefined ? id : id + context.baseTypes.shiftAt(id)
}

/** The first members of a type are enough to tell it from others. */
function hashType(view: DataView, btf: Btf, index: number): number {
  const start = btf.types[index] as number
  const end = Math.min(btf.types[index + 1] ?? btf.typesEnd, start + 4 * recordBytes)
  let hash = 0
  for (let at = start; at < end; at += 4)
    hash = Math.imul((hash ^ (hash >>> 15)) + view.getInt32(at, true), 0x9e37_79b1)
  return hash
}

function identityOfName(original: DataView, btf: Btf, at: number, context: DeltaContext | undefined): number {
  const name = original.getUint32(at, true)
  if (name < btf.firstString) return context === undefined ? name : name + context.baseStrings.shiftAt(name)
  const start = btf.strings + name - btf.firstString
  const end = Math.min(start + nameBytes, btf.stringsEnd)
  let hash = 0
  for (let i = start; i < end; i++) {
    const byte = original.getUint8(i)
    if (byte === 0) break
    hash = Math.imul(hash ^ byte, 0x0100_0193) ^ (hash >>> 15)
  }
  return hash
}
