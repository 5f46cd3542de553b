const damageCodes: ReadonlySet<string> = new Set([
  'REPOSITORY_CORRUPT',
  'METADATA_INVALID',
  'CHUNK_CORRUPT',
  'BLOB_NOT_FOUND',
  'FORMAT_UNKNOWN',
  'FORMAT_INVALID',
  'FORMAT_NOT_CANONICAL',
  'FORMAT_TRUNCATED',
  'PATH_INVALID',
  'DIGEST_INVALID',
  'NAME_INVALID',
])

/**
 * Whether an error shows that something stored is lost. A store that cannot read one blob now or ever, as from a bad
 * block, has lost it; one that may answer later has not.
 */
export function isDamage(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code, transient } = error as { readonly code?: unknown; readonly transient?: unknown }
  if (code === 'STORE_UNAVAILABLE') return transient === false
  return typeof code === 'string' && damageCodes.has(code)
}
