import type { Provision } from './dependency.ts'

/** What a PKGBUILD says, as far as building it and what needs it is concerned. */
export interface Recipe {
  /** The name of all that is built from it: `pkgbase`, or the name of its only package. */
  readonly base: string
  /** `[epoch:]pkgver-pkgrel` */
  readonly version: string
  readonly packages: readonly BuiltPackage[]
  /** To be built, besides what its packages depend on. */
  readonly makeDepends: readonly string[]
  readonly checkDepends: readonly string[]
  /** Files beside the PKGBUILD that become part of packages: `install`, `changelog`. */
  readonly files: readonly string[]
  readonly sources: readonly RecipeSource[]
}

/** One of the packages of a PKGBUILD. */
export interface BuiltPackage {
  readonly name: string
  /** `any`, or the architecture that is built for. */
  readonly architecture: string
  readonly depends: readonly string[]
  /** Itself first. */
  readonly provides: readonly Provision[]
}

export interface RecipeSource {
  /** The name of its file. */
  readonly name: string
  /** Undefined: it lies beside the PKGBUILD. */
  readonly url: string | undefined
  /** `sha256:…`, one for each algorithm; none for `SKIP`. */
  readonly checksums: readonly string[]
}

/** The file that makepkg leaves for a package, without the directory. */
export function packageFileName({ version }: Recipe, { name, architecture }: BuiltPackage): string {
  return `${name}-${version}-${architecture}.pkg.tar.zst`
}
