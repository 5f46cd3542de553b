/** What keeps packages from being built. `hint` tells a person the way out. */
export class BuildError extends Error {
  override readonly name = 'BuildError'
  readonly code: BuildErrorCode
  readonly hint: string | undefined

  constructor(
    code: BuildErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type BuildErrorCode =
  | 'PKGBUILD_INVALID' // makepkg cannot read it, or it says what cannot be
  | 'BUILD_DEPENDENCY_MISSING' // no package of the set has it, in that version
  | 'BUILD_CYCLE' // packages that need each other to be built
  | 'BUILD_SOURCE_MISSING' // a file that a PKGBUILD names is neither beside it nor in the mirror
  | 'BUILD_SOURCE_CHANGED' // a file was written to while packages were built
  | 'BUILD_FAILED' // makepkg ended with an error
  | 'BUILD_PLACE_UNAVAILABLE' // builds cannot be kept apart from this system
