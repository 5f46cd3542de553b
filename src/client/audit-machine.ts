import { digestFromBytes, digestOf, digestToBytes } from '../../manifests/digest.ts'
import { encodeRelease, releaseTargetPath, type Release } from '../../manifests/release.ts'
import { consistencyProof, isPrefix } from '../transparency/consistency-proof.ts'
import { decodeBundle, maxBundleBytes } from '../transparency/entry-bundle.ts'
import { inclusionProof, isIncluded } from '../transparency/inclusion-proof.ts'
import { encodeLogEntry } from '../transparency/log-entry.ts'
import type { LogHead } from '../transparency/log-head.ts'
import { LogTree } from '../transparency/log-tree.ts'
import { leafHash } from '../transparency/merkle-hash.ts'
import type { ReadObject } from '../transparency/read-object.ts'
import { entriesPath, tileWidth, tileWith } from '../transparency/tile.ts'
import { MachineError } from './errors.ts'
import type { SlotRecord } from './machine-state.ts'

export interface MachineAudit {
  readonly head: LogHead
  /** Heads that the machine was shown before, each of which is a prefix of this one. */
  readonly earlier: readonly LogHead[]
  /** The installed release and its place in the log; undefined when nothing is installed. */
  readonly release: { readonly version: number; readonly entry: number } | undefined
}

export interface AuditRequest {
  /** As the snapshot signs it. */
  readonly head: LogHead
  readonly seen: readonly LogHead[]
  readonly installed: SlotRecord | undefined
  /** What the signed metadata list; undefined for what they do not. */
  readonly release: (version: number) => Promise<Release | undefined>
  /** Objects of the log, from a server that nobody trusts. */
  readonly read: ReadObject
}

/**
 * Proves that a machine was shown one history: every head that it saw is a prefix of the present one, and its installed
 * release is the one in the log. Requests: two for each head and each power of 256 in the log's size at most, and one for
 * each 256 entries since the release. Throws UNTRUSTED for another history, OBJECT_CORRUPT and LOG_INVALID for tiles that
 * are damaged or missing, and so prove nothing.
 */
export async function auditMachine(request: AuditRequest): Promise<MachineAudit> {
  const { head, seen, installed } = request
  const tree = new LogTree(head.size, request.read)
  for (const earlier of seen) await provePrefix(earlier, head, tree)
  if (installed === undefined) return { head, earlier: seen, release: undefined }
  const entry = await proveIncluded(await releaseEntry(installed, request), tree, request)
  return { head, earlier: seen, release: { version: installed.version, entry } }
}

async function provePrefix(earlier: LogHead, head: LogHead, tree: LogTree): Promise<void> {
  if (earlier.origin !== head.origin || earlier.size > head.size) throw otherHistory(earlier)
  const root = await tree.hash(0, earlier.size)
  // First that the tiles are right: a mirror that damages them is not a repository that lies.
  const [own, present] = [
    { size: earlier.size, root },
    { size: head.size, root: digestToBytes(head.root) },
  ]
  if (!isPrefix(own, present, await consistencyProof(tree, earlier.size))) throw damagedTiles(head)
  if (digestFromBytes(root) !== earlier.root) throw otherHistory(earlier)
}

/** The entry that the installed release must have, if it is the one that everyone is given. */
async function releaseEntry(installed: SlotRecord, { release: find }: AuditRequest): Promise<Buffer> {
  const { version, modules } = installed
  const release = await find(version)
  if (release === undefined) {
    throw new MachineError(
      'RELEASE_MISSING',
      `the installed release ${version} is not listed by the repository any more`,
      { hint: 'update to a release that is, and tell the operator if nobody withdrew it' },
    )
  }
  const other = modules.find(({ name, digest }) => release.modules[name]?.manifest.digest !== digest)
  if (other !== undefined) {
    throw new MachineError(
      'UNTRUSTED',
      `what is installed as release ${version} is not what the repository has as release ${version}: module ` +
        `"${other.name}" differs`,
      { hint: "ask the repository's operator: this machine was given something of its own" },
    )
  }
  const bytes = Buffer.from(encodeRelease(release))
  return encodeLogEntry({ path: releaseTargetPath(version), length: bytes.length, digest: digestOf(bytes) })
}

/** From the newest entry back: machines mostly have one of the newest releases. */
async function proveIncluded(entry: Buffer, tree: LogTree, { head, read }: AuditRequest): Promise<number> {
  const wanted = leafHash(entry)
  for (let last = head.size - 1; last >= 0; last = Math.floor(last / tileWidth) * tileWidth - 1) {
    const first = Math.floor(last / tileWidth) * tileWidth
    const { index, width } = tileWith(0, first, head.size)
    const path = entriesPath({ index, width })
    const bundle = await read(path, maxBundleBytes)
    const entries = bundle === undefined ? undefined : decodeBundle(bundle, width)
    if (entries === undefined) {
      throw new MachineError('OBJECT_MISSING', `log/${path} is missing or damaged`, { hint: tryLater })
    }
    const at = entries.findLastIndex((each) => each.equals(entry))
    if (at < 0) {
      await refuseOtherEntries(entries, first, tree)
      continue
    }
    const leaf = first + at
    const proof = await inclusionProof(tree, leaf)
    if (isIncluded(wanted, { leaf, size: head.size }, digestToBytes(head.root), proof)) return leaf
    throw damagedTiles(head)
  }
  throw new MachineError('UNTRUSTED', 'the installed release is not in the log that everyone else is shown', {
    hint: "ask the repository's operator: this machine was given something of its own",
  })
}

/** Where a release is not found, the entries must at least be those of the tiles. */
async function refuseOtherEntries(entries: readonly Buffer[], first: number, tree: LogTree): Promise<void> {
  for (const [i, entry] of entries.entries()) {
    if (leafHash(entry).equals(await tree.hash(first + i, first + i + 1))) continue
    throw new MachineError(
      'OBJECT_CORRUPT',
      `entry ${first + i} of the log is not the one that its tile has`,
      {
        hint: tryLater,
      },
    )
  }
}

const tryLater =
  'try another mirror, or later: a log that was not written to its end is completed by the next publish or refresh'

function damagedTiles({ size }: LogHead): MachineError {
  return new MachineError(
    'OBJECT_CORRUPT',
    `the log's tiles do not lead to its signed head at ${size} entries`,
    { hint: tryLater },
  )
}

function otherHistory({ size, root }: LogHead): MachineError {
  return new MachineError(
    'UNTRUSTED',
    `this machine was shown another history: the log of ${size} entries with the root ${root} is no part of the present one`,
    {
      hint:
        "keep the machine's trust directory, which proves it, and tell the repository's operator: its snapshot key may " +
        'be in other hands. When it is understood, remove "log-heads" there',
    },
  )
}
