import { RepositoryError } from '../../repository/errors.ts'

/** A release that was retired cannot come back. */
export function sweptError(version: number, what: string): RepositoryError {
  return new RepositoryError(
    'COLLECTION_SWEPT',
    `release ${version} cannot be listed again: ${what} is there no more`,
    { hint: 'publish the same trees as a new release' },
  )
}
