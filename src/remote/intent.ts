/** What a publish is going to be, as far as it is known before: the server then refuses early what it would refuse late. */
export interface Intent {
  readonly modules: readonly string[]
  readonly channels: readonly string[]
  /** Chunks and manifests are to be written anew, which takes the grant `operate`. */
  readonly isMended: boolean
}

export const noIntent: Intent = { modules: [], channels: [], isMended: false }
