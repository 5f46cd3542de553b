/** One thing that is wrong with a definition of modules, or between it and a tree. */
export interface ModuleProblem {
  readonly kind: ModuleProblemKind
  /** What it is about: a module, a package, a glob or a path; for programs. */
  readonly subject: string
  /** A sentence that names the place and the way out. */
  readonly message: string
}

export type ModuleProblemKind =
  | 'definition' // modules.yaml is not as it must be
  | 'cycle' // modules include each other
  | 'package-missing' // a module asks for what is not installed in the tree
  | 'dependency-missing' // a package needs what is not installed in the tree
  | 'package-shared' // several modules need it, and none is included by all of them
  | 'package-unlisted' // installed, and no module needs it
  | 'package-conflict' // two packages exclude each other
  | 'file-shared' // several modules claim it
  | 'file-unowned' // no package and no module claims it
  | 'glob-unmatched'
  | 'image' // what is to be an image is no file, or is not all that would be in its module
  | 'hook-missing' // the program of a hook is not in the tree, or not in reach of the module

/** Everything that is wrong, at once. */
export class ModulesError extends Error {
  override readonly name = 'ModulesError'
  readonly code: ModulesErrorCode
  readonly problems: readonly ModuleProblem[]

  constructor(code: ModulesErrorCode, problems: readonly ModuleProblem[]) {
    super(listed(problems))
    this.code = code
    this.problems = problems
  }
}

export type ModulesErrorCode =
  | 'MODULES_INVALID' // the definition cannot be read
  | 'MODULES_UNRESOLVED' // the definition and the tree do not go together
  | 'MODULES_SUBJECT_UNKNOWN' // asked about a package or path that the tree does not have

function listed(problems: readonly ModuleProblem[]): string {
  const [first] = problems
  if (problems.length === 1 && first !== undefined) return first.message
  return [`${problems.length} things are wrong:`, ...problems.map(({ message }) => `  ${message}`)].join('\n')
}
