import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TrustError } from './errors.ts'
import { createKeyFile, keyKindOf, keySuffixes, noPassphrase, openKeyFile, type KeyKind } from './key-file.ts'
import { roleNames, type RoleName } from './role.ts'
import type { PassphraseSource, Signer } from './signer.ts'
import { SigningKey } from './signing-key.ts'

/** A key in a key directory. */
export interface RingKey {
  readonly role: RoleName
  readonly path: string
  readonly kind: KeyKind
  readonly signer: Signer
}

/**
 * The directory that holds a publisher's keys, any number a role, and `root.json`: the first root of the repository
 * they belong to, which tells the publisher that a store is the one it knows, and machines whom to trust.
 *
 * A key is for the role that its name begins with: `<role>` or `<role>-<anything>`, and then `.pem` (plain),
 * `.key.json` (encrypted) or `.signer.json` (a command that signs). Whether it is used is the repository's to say.
 */
export class KeyRing {
  readonly directory: string
  readonly #passphrase: PassphraseSource
  readonly #opened = new Map<string, Signer>()

  constructor(directory: string, options: { readonly passphrase?: PassphraseSource | undefined } = {}) {
    this.directory = directory
    this.#passphrase = options.passphrase ?? noPassphrase
  }

  /** Makes a plain key for each role that has none, or so many as are asked for. */
  generateMissing(counts: Partial<Readonly<Record<RoleName, number>>> = {}): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    for (const role of roleNames) {
      const count = counts[role] ?? 1
      const missing = count - this.#filesOf(role).length
      for (let number = 1, made = 0; made < missing; number++) {
        const path = join(this.directory, `${role}${count === 1 ? '' : `-${number}`}${keySuffixes.plain}`)
        if (existsSync(path)) continue
        createKeyFile(path, SigningKey.generate().toPem())
        made++
      }
    }
  }

  /** The keys of a role, in order of their names; none is an empty list. Throws KEY_UNREADABLE. */
  keys(role: RoleName): readonly RingKey[] {
    return this.#filesOf(role).map(({ name, kind }) => {
      const path = join(this.directory, name)
      return { role, path, kind, signer: this.#open(path) }
    })
  }

  /** As `keys`, what signs alone. Throws KEY_MISSING when there is none. */
  signers(role: RoleName): readonly Signer[] {
    const keys = this.keys(role)
    if (keys.length > 0) return keys.map(({ signer }) => signer)
    const path = join(this.directory, `${role}${keySuffixes.plain}`)
    throw new TrustError('KEY_MISSING', `there is no key of the role "${role}" at ${path}`, {
      hint: 'name the directory that vend init made with --keys or VEND_KEYS',
    })
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

  #open(path: string): Signer {
    const known = this.#opened.get(path)
    if (known !== undefined) return known
    const signer = openKeyFile(path, this.#passphrase)
    this.#opened.set(path, signer)
    return signer
  }

  #filesOf(role: RoleName): { readonly name: string; readonly kind: KeyKind }[] {
    return namesIn(this.directory).flatMap((name) => {
      const kind = keyKindOf(name)
      if (kind === undefined) return []
      const stem = name.slice(0, -keySuffixes[kind].length)
      return stem === role || stem.startsWith(`${role}-`) ? [{ name, kind }] : []
    })
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
