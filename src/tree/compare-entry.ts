import type { DeviceEntry, Entry, SourceEntry, Xattrs } from '../../manifests/entry.ts'

/** A way in which two entries differ. */
export type EntryAspect =
  | 'type' // then nothing else is compared
  | 'mode'
  | 'owner'
  | 'mtime'
  | 'xattrs'
  | 'size' // of the file, with its holes
  | 'sparse' // where its holes are
  | 'digest' // only where both entries have one
  | 'target'
  | 'device'

/** In which aspects two entries differ, whatever their paths; empty when they are alike. */
export function compareEntries(a: Entry | SourceEntry, b: Entry | SourceEntry): EntryAspect[] {
  if (a.type !== b.type) return ['type']
  return [...metadataAspects(a, b), ...contentAspects(a, b)]
}

type AnyEntry = Entry | SourceEntry
type FileLike = Extract<AnyEntry, { type: 'file' }>

function metadataAspects(a: AnyEntry, b: AnyEntry): EntryAspect[] {
  if (a.type === 'hardlink' || b.type === 'hardlink') return []
  return present([
    ['mode', 'mode' in a && 'mode' in b && a.mode !== b.mode],
    ['owner', a.uid !== b.uid || a.gid !== b.gid],
    ['mtime', a.mtime.seconds !== b.mtime.seconds || a.mtime.nanos !== b.mtime.nanos],
    ['xattrs', !sameXattrs(a.xattrs, b.xattrs)],
  ])
}

function contentAspects(a: AnyEntry, b: AnyEntry): EntryAspect[] {
  if (a.type === 'file' && b.type === 'file') return fileAspects(a, b)
  return present([
    ['target', 'target' in a && 'target' in b && a.target !== b.target],
    ['device', 'device' in a && 'device' in b && !sameDevice(a.device, b.device)],
  ])
}

function fileAspects(a: FileLike, b: FileLike): EntryAspect[] {
  return present([
    ['size', lengthOf(a) !== lengthOf(b)],
    ['sparse', !sameHoles(a, b)],
    ['digest', 'digest' in a && 'digest' in b && a.digest !== b.digest],
  ])
}

function present(aspects: readonly (readonly [EntryAspect, boolean])[]): EntryAspect[] {
  return aspects.filter(([, differs]) => differs).map(([aspect]) => aspect)
}

function lengthOf(file: FileLike): number {
  return file.sparse?.size ?? file.size
}

function sameHoles(a: FileLike, b: FileLike): boolean {
  const [x, y] = [a.sparse?.data, b.sparse?.data]
  if (x === undefined || y === undefined) return x === y
  return (
    x.length === y.length &&
    x.every(([offset, length], index) => offset === y[index]?.[0] && length === y[index][1])
  )
}

function sameXattrs(a: Xattrs, b: Xattrs): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) {
    const other = b.get(name)
    if (other === undefined || Buffer.compare(value, other) !== 0) return false
  }
  return true
}

function sameDevice(a: DeviceEntry['device'], b: DeviceEntry['device']): boolean {
  return a.major === b.major && a.minor === b.minor
}
