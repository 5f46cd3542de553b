import { createHash } from 'node:crypto'
import { canonicalJson } from '../../manifests/canonical-json.ts'

/** All that what makepkg makes of a PKGBUILD follows from. Digests are `sha256:…`. */
export interface BuildInputs {
  readonly base: string
  /** Of the PKGBUILD. */
  readonly pkgbuild: string
  /** What is copied to where makepkg runs, by name: `sha256:…`, or `sha256:…+x` when it is executable. */
  readonly files: Readonly<Record<string, string>>
  /** Of sources from elsewhere, by name: their checksums, or the digest of the file where there are none. */
  readonly remote: Readonly<Record<string, readonly string[]>>
  /** Input hashes of the packages of the set that it is built with, by name. */
  readonly needs: Readonly<Record<string, string>>
  /** What is the same for all packages of a set, by name: makepkg's version, its configuration, the compiler. */
  readonly tools: Readonly<Record<string, string>>
}

const inputsVersion = 1

/** 64 hexadecimal digits; the same inputs have the same in whatever order they were found. */
export function hashInputs(inputs: BuildInputs): string {
  const { base, pkgbuild, files, remote, needs, tools } = inputs
  const text = canonicalJson({
    inputs: inputsVersion,
    base,
    pkgbuild,
    files: { ...files },
    remote: Object.fromEntries(Object.entries(remote).map(([name, sums]) => [name, [...sums]])),
    needs: { ...needs },
    tools: { ...tools },
  })
  return createHash('sha256').update(text).digest('hex')
}
