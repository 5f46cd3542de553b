/** What a repository refuses, or is found to be. `hint` tells a person the way out. */
export class RepositoryError extends Error {
  override readonly name = 'RepositoryError'
  readonly code: RepositoryErrorCode
  readonly hint: string | undefined

  constructor(
    code: RepositoryErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type RepositoryErrorCode =
  | 'REPOSITORY_MISSING' // the store holds no repository
  | 'REPOSITORY_EXISTS' // the store holds a repository already, another one
  | 'INIT_UNCLEAR' // an unfinished creation, or keys, of another repository than is asked for
  | 'REPOSITORY_CORRUPT' // something the repository vouches for is missing or damaged
  | 'COLLECTION_UNKNOWN' // of no run in quarantine
  | 'COLLECTION_SWEPT' // what a retired release needs is removed already
  | 'FENCES_USED_UP' // collected too often since the timestamp was signed
  | 'PUBLISH_CONFLICT' // someone else committed between our reading and our writing
  | 'VERSION_EXISTS' // the release exists, with other content
  | 'VERSION_NOT_INCREASING' // a later release exists
  | 'MODULES_OVERLAP' // two modules of a release claim one path
  | 'ROLLOUT_WOULD_NARROW' // fewer machines than have the release already
  | 'RELEASE_NOT_LOWER' // a rollback to what the channel has, or to what is later
  | 'RELEASE_NOT_HIGHER' // a promotion to what is earlier than the channel's
  | 'CHANNEL_HALTED' // a promotion of what was halted
  | 'RELEASE_UNKNOWN'
  | 'CHANNEL_UNKNOWN'
  | 'MODULE_UNKNOWN'
  | 'PATH_UNKNOWN'
