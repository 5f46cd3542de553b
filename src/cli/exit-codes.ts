/** What a command's exit code means. New ones are added at the end: scripts rely on these. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  internal: { code: 1, meaning: 'something unforeseen; run again with --verbose for the details' },
  usage: { code: 2, meaning: 'the command line, a setting or vend.yaml is wrong' },
  missing: { code: 3, meaning: 'there is no repository in the store, or nothing installed on the machine' },
  conflict: { code: 4, meaning: 'it conflicts with what is there, or with someone else at work' },
  unknown: { code: 5, meaning: 'there is no such release, channel, module or path' },
  trust: { code: 6, meaning: 'keys or signed metadata are missing, wrong or expired' },
  store: { code: 7, meaning: 'the store, the server or a disk is unavailable, full, or denies access' },
  input: { code: 8, meaning: 'a tree cannot be read, or is not fit to be published' },
  damage: { code: 9, meaning: 'something stored is missing or damaged' },
  held: { code: 10, meaning: 'there is an update, and this machine may not take it yet' },
  budget: { code: 11, meaning: 'the update would cost machines more than the budget' },
  expiring: { code: 12, meaning: 'signed metadata expire soon' },
  halted: { code: 13, meaning: 'too many machines fail, and the channel is halted' },
  undecided: { code: 14, meaning: 'too little was reported to tell' },
  available: { code: 20, meaning: 'there is an update, or nothing is installed yet' },
  interrupted: { code: 130, meaning: 'interrupted by SIGINT or SIGTERM' },
  pipe: { code: 141, meaning: 'whoever read the output stopped reading' },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>

export type ExitCodeName = keyof typeof exitCodes

const namesByErrorCode: ReadonlyMap<string, ExitCodeName> = new Map(
  Object.entries({
    internal: ['CHUNKING_FAILED', 'PACKING_FAILED', 'KEY_INVALID', 'RANGE_OUTSIDE_BLOB'],
    usage: [
      'USAGE_INVALID',
      'SETTINGS_INVALID',
      'STORE_URL_INVALID',
      'NAME_INVALID',
      'PATH_INVALID',
      'LISTEN_FAILED',
      'TLS_FILES_INVALID',
    ],
    missing: ['REPOSITORY_MISSING', 'MACHINE_MISSING', 'NOT_INSTALLED'],
    conflict: [
      'PUBLISH_CONFLICT',
      'VERSION_EXISTS',
      'VERSION_NOT_INCREASING',
      'ROLLOUT_WOULD_NARROW',
      'RELEASE_NOT_LOWER',
      'RELEASE_NOT_HIGHER',
      'CHANNEL_HALTED',
      'REPOSITORY_EXISTS',
      'KEY_EXISTS',
      'BLOB_EXISTS',
      'BLOB_CHANGED',
      'MACHINE_EXISTS',
      'MACHINE_BUSY',
      'ROOT_RUNNING',
      'MODULE_NEEDED',
    ],
    unknown: [
      'RELEASE_UNKNOWN',
      'CHANNEL_UNKNOWN',
      'MODULE_UNKNOWN',
      'PATH_UNKNOWN',
      'RELEASE_MISSING',
      'MODULE_MISSING',
      'CHANNEL_MISSING',
      'NO_PREVIOUS_ROOT',
    ],
    trust: [
      'KEY_MISSING',
      'KEY_UNREADABLE',
      'KEY_WRONG',
      'KEY_PASSPHRASE_NEEDED',
      'KEY_PASSPHRASE_WRONG',
      'SIGNER_FAILED',
      'THRESHOLD_UNMET',
      'DRAFT_INVALID',
      'METADATA_INVALID',
      'METADATA_EXPIRED',
      'ROOT_MISMATCH',
      'UNTRUSTED',
      'METADATA_STALE',
      'LOG_FORKED',
    ],
    store: [
      'STORE_UNAVAILABLE',
      'STORE_DENIED',
      'STORE_FULL',
      'SERVER_UNREACHABLE',
      'SERVER_REFUSED',
      'SERVER_CERTIFICATE_INVALID',
      'CLIENT_CERTIFICATE_REFUSED',
      'PROXY_REFUSED',
      'PACKAGE_UNAVAILABLE',
      'TREE_FULL',
      'TREE_READ_ONLY',
      'TREE_BUSY',
      'TREE_WRITE_FAILED',
      'ENOSPC',
      'EDQUOT',
      'EROFS',
      'EACCES',
      'ENOTDIR',
      'EPERM',
    ],
    input: [
      'TREE_CHANGED',
      'TREE_PATH_BLOCKED',
      'TREE_NOT_PERMITTED',
      'TREE_UNSUPPORTED',
      'TREE_READ_FAILED',
      'MODULES_OVERLAP',
      'BODY_UNREADABLE',
      'NOT_A_FILE',
      'CONTENT_ENDED',
    ],
    damage: [
      'REPOSITORY_CORRUPT',
      'CHUNK_CORRUPT',
      'BLOB_NOT_FOUND',
      'FORMAT_UNKNOWN',
      'FORMAT_INVALID',
      'FORMAT_NOT_CANONICAL',
      'FORMAT_TRUNCATED',
      'DIGEST_INVALID',
      'MACHINE_INVALID',
      'OBJECT_MISSING',
      'OBJECT_CORRUPT',
      'PACK_CORRUPT',
      'PACK_UNSUPPORTED',
      'PACK_TOO_LARGE',
      'DELTA_CORRUPT',
      'DELTA_TOO_LARGE',
      'RECIPE_MALFORMED',
      'RECIPE_UNKNOWN',
      'RECIPE_OVER_LIMIT',
      'RECIPE_MISMATCH',
      'SKETCHES_INVALID',
      'LOG_INVALID',
    ],
    held: ['UPDATE_HELD'],
    interrupted: ['INTERRUPTED', 'ABORTED'],
    pipe: ['EPIPE'],
  } satisfies Partial<Record<ExitCodeName, readonly string[]>>).flatMap(([name, codes]) =>
    codes.map((code) => [code, name as ExitCodeName] as const),
  ),
)

/** How a command ends that throws `error`: by its `code`, and `internal` for what nobody has foreseen. */
export function exitCodeNameOf(error: unknown): ExitCodeName {
  return namesByErrorCode.get(errorCodeOf(error) ?? '') ?? 'internal'
}

/** Whether an error is one that the program knows how to speak of: such a one is told without its stack. */
export function isKnownError(error: unknown): boolean {
  return namesByErrorCode.has(errorCodeOf(error) ?? '')
}

export function errorCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
