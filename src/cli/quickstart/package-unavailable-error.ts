/** npm could not fetch a package that the quickstart shows. */
export class PackageUnavailableError extends Error {
  override readonly name = 'PackageUnavailableError'
  readonly code = 'PACKAGE_UNAVAILABLE'
  readonly hint =
    'it needs the registry that npm is set up for, once; without it show two directories of your own: ' +
    'npm run quickstart -- OLD_DIRECTORY NEW_DIRECTORY'

  constructor(what: string, reason: string, cause?: unknown) {
    super(`npm cannot fetch ${what}: ${reason}`, { cause })
  }
}
