/** A command line that says something wrong; `problems` are all that is wrong with it, a sentence each. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'USAGE_INVALID'
  readonly problems: readonly string[]
  readonly hint: string | undefined

  constructor(problems: readonly string[], hint?: string) {
    super(listProblems(problems))
    this.problems = problems
    this.hint = hint
  }
}

/** One problem in a line; several, each in its own below their number. */
export function listProblems(problems: readonly string[]): string {
  if (problems.length === 1) return String(problems[0])
  return [`${problems.length} things are wrong:`, ...problems.map((problem) => `  ${problem}`)].join('\n')
}
