import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TrustError } from './errors.ts'
import { roleNames, type RoleName } from './role.ts'
import { SigningKey } from './signing-key.ts'

/**
 * The directory that holds a publisher's keys, `<role>.pem` each, and `root.json`: the first root of the repository
 * they belong to, which tells the publisher that a store is the one it knows, and machines whom to trust.
 */
export class KeyRing {
  readonly directory: string
  readonly #loaded = new Map<RoleName, SigningKey>()

  constructor(directory: string) {
    this.directory = directory
  }

  /** Makes the keys that are not there yet, each readable by its owner only. */
  generateMissing(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    for (const role of roleNames) {
      const path = this.#path(role)
      if (!existsSync(path)) createWhole(path, SigningKey.generate().toPem())
    }
  }

  /** Throws a TrustError with code KEY_MISSING or KEY_UNREADABLE. */
  key(role: RoleName): SigningKey {
    const known = this.#loaded.get(role)
    if (known !== undefined) return known
    const path = this.#path(role)
    const key = SigningKey.fromPem(readKeyFile(path, role), path)
    this.#loaded.set(role, key)
    return key
  }

  /** The trusted first root, or undefined before `vend init`. */
  trustedRoot(): Buffer | undefined {
    return existsSync(this.rootPath) ? readFileSync(this.rootPath) : undefined
  }

  keepTrustedRoot(bytes: Uint8Array): void {
    const temporary = `${this.rootPath}.tmp`
    writeFileSync(temporary, bytes, { flush: true })
    renameSync(temporary, this.rootPath)
  }

  get rootPath(): string {
    return join(this.directory, 'root.json')
  }

  #path(role: RoleName): string {
    return join(this.directory, `${role}.pem`)
  }
}

/** A key that was written in part would be lost, and with it what was signed by it. */
function createWhole(path: string, pem: string): void {
  const temporary = `${path}.tmp`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, pem, { mode: 0o600, flag: 'wx', flush: true })
  linkSync(temporary, path)
  rmSync(temporary)
}

function readKeyFile(path: string, role: RoleName): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new TrustError(
      missing ? 'KEY_MISSING' : 'KEY_UNREADABLE',
      missing ? `there is no key of the role "${role}" at ${path}` : `the key at ${path} cannot be read`,
      { hint: 'name the directory that vend init made with --keys or VEND_KEYS', cause },
    )
  }
}
