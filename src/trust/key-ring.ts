import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
      if (!existsSync(path)) writeFileSync(path, SigningKey.generate().toPem(), { mode: 0o600, flag: 'wx' })
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
    writeFileSync(this.rootPath, bytes)
  }

  get rootPath(): string {
    return join(this.directory, 'root.json')
  }

  #path(role: RoleName): string {
    return join(this.directory, `${role}.pem`)
  }
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
