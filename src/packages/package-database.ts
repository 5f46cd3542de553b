/** What a package manager knows of the packages that are installed in a tree. */
export interface PackageDatabase {
  readonly format: 'dpkg' | 'pacman' | 'apk' | 'none'
  /** By id. */
  readonly packages: readonly Package[]
  /** Whether what a package is, and which version it has, is what a relation asks for. */
  readonly satisfies: (candidate: Package, relation: Relation, dependant: Package) => boolean
  /** Paths that a package lists and that lie elsewhere in the tree: dpkg's diversions. */
  readonly moved: readonly MovedPath[]
  /** Files that install scripts made in a package's name: path, from the root without `/`, to the package's id. */
  readonly made: ReadonlyMap<string, string>
}

export interface Package {
  /** The name, and `name:architecture` where another package has the name and is of the tree's own architecture. */
  readonly id: string
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** What it does not work without: all of these, and of each any one alternative. */
  readonly depends: readonly (readonly Relation[])[]
  readonly provides: readonly Provision[]
  readonly conflicts: readonly Relation[]
  /** Others rely on it without saying so. */
  readonly isEssential: boolean
  /** As the package manager lists them: from the root without `/` at the beginning or end, one character a byte. */
  readonly paths: readonly string[]
  /** dpkg's Multi-Arch: whose dependencies it satisfies besides those of its own architecture. */
  readonly multiArch?: 'foreign' | 'allowed' | undefined
}

export interface Relation {
  readonly name: string
  /** dpkg: `any`, or the architecture that is asked for. */
  readonly architecture?: string | undefined
  readonly constraint?: VersionConstraint | undefined
  /** As it is written in the database. */
  readonly text: string
}

export interface VersionConstraint {
  readonly operator: '<' | '<=' | '=' | '>=' | '>'
  readonly version: string
}

export interface Provision {
  readonly name: string
  /** Without one it satisfies no constraint. */
  readonly version?: string | undefined
}

export interface MovedPath {
  readonly from: string
  readonly to: string
  /** The package whose file stays at `from`; undefined: nobody's does. */
  readonly by: string | undefined
}

/** What a database is read from: files picked out of a tree, by path from the root without `/`. */
export type DatabaseFiles = ReadonlyMap<string, Buffer>
