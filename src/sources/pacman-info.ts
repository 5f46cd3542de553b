/** What a package's .PKGINFO says (makepkg): each key with its values, in their order. */
export type PacmanInfo = ReadonlyMap<string, readonly string[]>

export interface PacmanIdentity {
  readonly name: string
  /** With epoch and release: `1:2.0-3`. */
  readonly version: string
}

const namePattern = /^[a-zA-Z0-9@_+][a-zA-Z0-9@._+-]*$/
const versionPattern = /^[a-zA-Z0-9._+:~]+-[a-zA-Z0-9._+~]+$/

/** Throws an Error that says in words what is wrong. */
export function parsePacmanInfo(text: string): PacmanInfo {
  const info = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, key, value] = /^([a-z]+) *= *(.*?) *$/.exec(line) ?? []
    if (key === undefined || value === undefined) {
      throw new Error(
        `.PKGINFO has the line ${JSON.stringify(line.slice(0, 100))}, which is no "key = value"`,
      )
    }
    const values = info.get(key)
    if (values === undefined) info.set(key, [value])
    else values.push(value)
  }
  return info
}

/** Throws an Error where name and version are not such that they can be part of a path. */
export function identityOf(info: PacmanInfo): PacmanIdentity {
  const name = info.get('pkgname')?.[0] ?? ''
  const version = info.get('pkgver')?.[0] ?? ''
  if (!namePattern.test(name))
    throw new Error(`.PKGINFO has the pkgname ${JSON.stringify(name)}, which is no name`)
  if (!versionPattern.test(version)) {
    throw new Error(`.PKGINFO has the pkgver ${JSON.stringify(version)}, which is no version with a release`)
  }
  return { name, version }
}
