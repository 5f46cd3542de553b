/** A promise of the repository that a history breaks. */
export class Violation extends Error {
  override readonly name = 'Violation'
}
