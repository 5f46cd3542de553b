import { join } from 'node:path'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { LogError } from '../transparency/errors.ts'
import { isSameHead, readLogHead, refuseOtherHistory, type LogHead } from '../transparency/log-head.ts'
import { MachineError } from './errors.ts'
import { readIfThere } from './read-if-there.ts'
import { writeDurably } from './write-durably.ts'

/** Between two audits. When there are more, those in the middle are given up first. */
const maxHeads = 256

/** The head that the snapshot in a trust directory signs; undefined when it signs none. */
export function signedHead(trustDirectory: string): LogHead | undefined {
  return readLogHead(signedPart(trustDirectory, 'snapshot.json')['log'])
}

/** A head, and the ids of the keys that could sign the snapshot which had it. */
interface SeenHead {
  readonly head: LogHead
  readonly signers: string
}

/** The heads that the machine was shown since the last audit, oldest first. Throws MACHINE_INVALID. */
export function seenHeads(trustDirectory: string): LogHead[] {
  return linesOf(trustDirectory).map((line) => {
    const seen = seenIn(line)
    if (seen !== undefined) return seen.head
    throw new MachineError('MACHINE_INVALID', `${headsPath(trustDirectory)} is damaged`, {
      hint: 'remove it: the machine then remembers the heads of the log from now on',
    })
  })
}

/** As the root that the machine trusts vouches for them. */
export function writeSeenHeads(trustDirectory: string, heads: readonly LogHead[]): void {
  const signers = snapshotKeys(trustDirectory)
  write(
    trustDirectory,
    heads.map((head) => ({ head, signers })),
  )
}

function write(trustDirectory: string, seen: readonly SeenHead[]): void {
  const [oldest, ...rest] = seen
  const kept = oldest === undefined ? [] : [oldest, ...rest.slice(1 - maxHeads)]
  const lines = kept.map(({ head, signers }) => `${canonicalJson({ head: { ...head }, signers })}\n`)
  writeDurably(headsPath(trustDirectory), Buffer.from(lines.join('')))
}

/**
 * Remembers the head that new metadata sign, before they take the place of the old. Asks nobody, so it sees no more than
 * a log that shrinks, is gone, or has two roots at one size; `vend-client audit` proves the rest. Throws UNTRUSTED. Where
 * the root has changed the snapshot's keys, the head that the old ones signed binds nobody: so a repository recovers from
 * the theft of them (TUF §5.3.11).
 */
export function keepSeenHead(metadataDirectory: string, trustDirectory: string): void {
  // A record that is damaged must not keep a machine from updates.
  const seen = linesOf(trustDirectory).flatMap((line) => seenIn(line) ?? [])
  const before = seen.at(-1)
  const signers = snapshotKeys(metadataDirectory)
  // Not the keys of the root in the trust directory: that may be newer than all else there.
  const now = checked(() => {
    const head = signedHead(metadataDirectory)
    if (before?.signers === signers) refuseOtherHistory(before.head, head)
    return head
  })
  if (now === undefined || (before?.signers === signers && isSameHead(before.head, now))) return
  write(trustDirectory, [...seen, { head: now, signers }])
}

function headsPath(trustDirectory: string): string {
  return join(trustDirectory, 'log-heads')
}

function linesOf(trustDirectory: string): string[] {
  const text = readIfThere(headsPath(trustDirectory))?.toString('utf8') ?? ''
  return text.split('\n').filter((line) => line !== '')
}

function seenIn(line: string): SeenHead | undefined {
  try {
    const { head, signers } = JSON.parse(line) as { readonly head?: unknown; readonly signers?: unknown }
    const known = readLogHead(head)
    return known !== undefined && typeof signers === 'string' ? { head: known, signers } : undefined
  } catch {
    return undefined
  }
}

/** Throws what is wrong with a head, or with its history, as UNTRUSTED. */
function checked<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause
    throw new MachineError(
      'UNTRUSTED',
      `the repository shows another history than before: ${cause.message}`,
      {
        hint: "ask the repository's operator: its snapshot key may be in other hands, or its store was set back",
        cause,
      },
    )
  }
}

function snapshotKeys(directory: string): string {
  const roles = signedPart(directory, 'root.json')['roles'] as
    { readonly snapshot?: { readonly keyids?: readonly string[] } } | undefined
  return [...(roles?.snapshot?.keyids ?? [])].sort().join(' ')
}

function signedPart(directory: string, name: string): Readonly<Record<string, unknown>> {
  const bytes = readIfThere(join(directory, name))
  const { signed } = JSON.parse(bytes?.toString('utf8') ?? '{}') as { readonly signed?: object }
  return { ...signed }
}
