import { TargetFile } from '@tufjs/models'
import { digestOf, hexOf } from '../../manifests/digest.ts'
import type { DelegatedRoleName } from '../trust/role.ts'

type Fields = NonNullable<ConstructorParameters<typeof TargetFile>[0]['unrecognizedFields']>

/** Longer documents are not worth carrying to machines that want another one. */
const maxInlineBytes = 8 << 10

/** The releases that machines go to: the newest, and the one before while the newest is rolled out. */
const inlineReleases = 2

/**
 * A target, which carries its document in `custom` if that is short: whoever has the role's metadata then need not
 * ask for it (format, "Trust").
 */
export function targetOf(path: string, bytes: Buffer): TargetFile {
  const target = { path, length: bytes.length, hashes: { sha256: hexOf(digestOf(bytes)) } }
  if (bytes.length > maxInlineBytes) return new TargetFile(target)
  const document = JSON.parse(bytes.toString('utf8')) as Fields[string]
  return new TargetFile({ ...target, unrecognizedFields: { custom: { document } } })
}

/** All channels keep their documents, and of the releases the newest: the others would only make the role longer. */
export function dropOldDocuments(
  role: 'targets' | DelegatedRoleName,
  targets: Readonly<Record<string, TargetFile>>,
): Record<string, TargetFile> {
  if (role !== 'releases') return { ...targets }
  const newest = new Set(
    Object.keys(targets)
      .sort((a, b) => versionOf(b) - versionOf(a))
      .slice(0, inlineReleases),
  )
  return Object.fromEntries(
    Object.entries(targets).map(([path, target]) => [
      path,
      newest.has(path) ? target : withoutDocument(target),
    ]),
  )
}

function versionOf(path: string): number {
  return Number(/(\d+)\.json$/.exec(path)?.[1] ?? 0)
}

function withoutDocument(target: TargetFile): TargetFile {
  const { custom: _, ...unrecognizedFields } = target.unrecognizedFields
  const { path, length, hashes } = target
  return new TargetFile({ path, length, hashes, unrecognizedFields })
}
