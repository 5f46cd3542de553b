import { byGzip, byRoomyZlib, byZlib, candidatesOf, type DeflateStream } from './deflate-stream.ts'
import { inflateAt } from './inflate-at.ts'

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 }
const localHeaderBytes = 30
const centralHeaderBytes = 46
const endRecordBytes = 22
const deflated = 8
const maxCommentBytes = 0xffff

/** General purpose bits 1 and 2 (APPNOTE §4.4.4) name the effort roughly; many writers leave them 0. */
const likelyLevels = [[6, 9], [9, 8], [2, 3], [1]]
const candidates = likelyLevels.map((levels) => candidatesOf([byZlib, byRoomyZlib, byGzip], levels))

interface Member {
  readonly headerStart: number
  readonly packedSize: number
  readonly plainSize: number
  readonly effort: number
}

/** The deflated members of a zip archive (jar, whl, …), found by its directory. ZIP64 and encrypted ones are not. */
export function* zipStreams(bytes: Uint8Array, plainLimit: number): Iterable<DeflateStream> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const directory = directoryOf(view)
  if (directory === undefined) return
  let left = plainLimit
  let last = 0
  for (const member of deflatedMembers(view, directory).sort((a, b) => a.headerStart - b.headerStart)) {
    const start = startOfData(view, member.headerStart)
    // Members that overlap are a trick, not an archive.
    if (start === undefined || member.headerStart < last) continue
    const inflated = inflateAt(bytes.subarray(0, start + member.packedSize), start, left, member.plainSize)
    if (inflated === undefined || inflated.end !== start + member.packedSize) continue
    yield { start, ...inflated, candidates: candidates[member.effort] ?? [] }
    left -= inflated.plain.length
    last = inflated.end
  }
}

interface Directory {
  readonly start: number
  readonly count: number
}

function directoryOf(view: DataView): Directory | undefined {
  if (view.byteLength < endRecordBytes || view.getUint32(0, true) !== signatures.local) return undefined
  const first = Math.max(0, view.byteLength - endRecordBytes - maxCommentBytes)
  for (let at = view.byteLength - endRecordBytes; at >= first; at--) {
    if (view.getUint32(at, true) !== signatures.end) continue
    return { start: view.getUint32(at + 16, true), count: view.getUint16(at + 10, true) }
  }
  return undefined
}

function deflatedMembers(view: DataView, { start, count }: Directory): Member[] {
  const members: Member[] = []
  let at = start
  for (let i = 0; i < count && at + centralHeaderBytes <= view.byteLength; i++) {
    if (view.getUint32(at, true) !== signatures.central) break
    const flags = view.getUint16(at + 8, true)
    if (view.getUint16(at + 10, true) === deflated && (flags & 1) === 0) {
      members.push({
        headerStart: view.getUint32(at + 42, true),
        packedSize: view.getUint32(at + 20, true),
        plainSize: view.getUint32(at + 24, true),
        effort: (flags >> 1) & 3,
      })
    }
    const variable = [28, 30, 32].reduce((sum, field) => sum + view.getUint16(at + field, true), 0)
    at += centralHeaderBytes + variable
  }
  return members
}

function startOfData(view: DataView, header: number): number | undefined {
  if (header + localHeaderBytes > view.byteLength) return undefined
  if (view.getUint32(header, true) !== signatures.local) return undefined
  return header + localHeaderBytes + view.getUint16(header + 26, true) + view.getUint16(header + 28, true)
}
