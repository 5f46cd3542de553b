/** A package database that says what none can say; `path` is the file in the tree. */
export class PackageDatabaseError extends Error {
  override readonly name = 'PackageDatabaseError'
  readonly code = 'PACKAGES_UNREADABLE'
  readonly path: string
  readonly hint = 'look at that file: the package manager of the tree must be able to read it too'

  constructor(path: string, problem: string) {
    super(`/${path}: ${problem}`)
    this.path = path
  }
}
