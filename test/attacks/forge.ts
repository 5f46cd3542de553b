import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { ForgeKey, type ForgedSignature } from './forge-key.ts'

export interface RoleEntry {
  keyids: string[]
  threshold: number
}

interface FileEntry {
  version: number
  length?: number
  hashes?: Record<string, string>
}

/** The signed part of any role, of which each has some members only. */
export interface Signed {
  _type: string
  version: number
  expires: string
  keys: Record<string, unknown>
  roles: Record<string, RoleEntry>
  meta: Record<string, FileEntry>
  targets: Record<string, TargetEntry>
  delegations: { keys: Record<string, unknown>; roles: DelegationEntry[] }
  [other: string]: unknown
}

export interface DelegationEntry extends RoleEntry {
  name: string
  terminating: boolean
  paths: string[]
}

export interface TargetEntry {
  length: number
  hashes: Record<string, string>
  custom?: { document: JsonValue }
}

interface Written {
  readonly signed: Signed
  readonly bytes: Buffer
}

export interface WriteOptions {
  /** Default: the keys that the role has. */
  readonly keys?: readonly ForgeKey[]
  /** In the place of the right signatures. */
  readonly signatures?: (right: readonly ForgedSignature[]) => readonly ForgedSignature[]
}

const topRoles = ['root', 'targets', 'snapshot', 'timestamp']

/**
 * Signs and writes metadata below a repository's directory that no publisher would: whatever JSON, by whatever keys.
 * Begins with what the publisher left there.
 */
export class Forge {
  readonly #metadata: string
  readonly #targets: string
  readonly keys = new Map<string, readonly ForgeKey[]>()
  readonly #latest = new Map<string, Written>()

  /** `keys`: the directory of the publisher's keys. */
  constructor(repository: string, keys: string) {
    this.#metadata = join(repository, 'tuf/metadata')
    this.#targets = join(repository, 'tuf/targets')
    let root = 1
    while (existsSync(join(this.#metadata, `${root + 1}.root.json`))) root++
    this.#load('root', `${root}.root.json`)
    const timestamp = this.#load('timestamp', 'timestamp.json')
    const snapshot = this.#load('snapshot', `${versionIn(timestamp, 'snapshot')}.snapshot.json`)
    for (const role of ['targets', 'releases', 'channels']) {
      this.#load(role, `${versionIn(snapshot, role)}.${role}.json`)
    }
    for (const role of [...topRoles, 'releases', 'channels']) {
      this.keys.set(role, [ForgeKey.read(join(keys, `${role}.pem`))])
    }
  }

  /** What a role says now. */
  signed(role: string): Signed {
    return structuredClone(this.#written(role).signed)
  }

  bytes(role: string): Buffer {
    return this.#written(role).bytes
  }

  /** The keys of a role. */
  keysOf(role: string): readonly ForgeKey[] {
    return this.keys.get(role) ?? []
  }

  /** Writes the role's next version, with a change. */
  edit(role: string, change: (signed: Signed) => void = () => undefined, options: WriteOptions = {}): Buffer {
    const signed = this.signed(role)
    signed.version++
    change(signed)
    return this.write(role, signed, options)
  }

  write(role: string, signed: Signed, { keys, signatures }: WriteOptions = {}): Buffer {
    const right = (keys ?? this.keysOf(role)).map((key) => key.sign(signed as JsonValue))
    const metadata = { signatures: signatures?.(right) ?? right, signed }
    const bytes = Buffer.from(canonicalJson(metadata as unknown as JsonValue))
    this.#latest.set(role, { signed, bytes })
    const name =
      role === 'timestamp' ? 'timestamp.json' : `${signed.version}.${encodeURIComponent(role)}.json`
    writeFileSync(join(this.#metadata, name), bytes)
    return bytes
  }

  /** Gives a role keys of its own and says so in the next root, signed by the old keys and the new. */
  rotate(role: string, keys: readonly ForgeKey[] = ForgeKey.several(1), threshold = 1): void {
    const before = this.keysOf('root')
    this.keys.set(role, keys)
    const signers = role === 'root' ? [...new Set([...before, ...keys])] : before
    this.edit('root', (root) => trust(root, role, keys, threshold), { keys: signers })
  }

  /** Gives a delegated role keys of its own and says so in the next targets. */
  delegate(role: string, keys: readonly ForgeKey[] = ForgeKey.several(1), threshold = 1): void {
    this.keys.set(role, keys)
    this.edit('targets', ({ delegations }) => {
      const keyids = keys.map(({ id }) => id)
      for (const delegation of delegations.roles) {
        if (delegation.name === role) Object.assign(delegation, { keyids, threshold })
      }
      for (const key of keys) delegations.keys[key.id] = key.entry
    })
  }

  /** Signs snapshot and timestamp for what was written; changes may say otherwise. */
  vouch(
    changes: {
      readonly snapshot?: (signed: Signed) => void
      readonly timestamp?: (signed: Signed) => void
      /** Whether lengths and hashes are told. Default: true. */
      readonly digests?: boolean
    } = {},
  ): void {
    this.edit('snapshot', (snapshot) => {
      for (const [role, { signed, bytes }] of this.#latest) {
        if (role === 'root' || role === 'snapshot' || role === 'timestamp') continue
        snapshot.meta[`${role}.json`] = describe(signed, bytes, changes.digests)
      }
      changes.snapshot?.(snapshot)
    })
    this.stamp(changes)
  }

  /** Signs a timestamp for the snapshot as it is. */
  stamp(
    changes: {
      readonly timestamp?: (signed: Signed) => void
      readonly digests?: boolean
    } = {},
  ): void {
    const { signed, bytes } = this.#written('snapshot')
    this.edit('timestamp', (timestamp) => {
      timestamp.meta['snapshot.json'] = describe(signed, bytes, changes.digests)
      changes.timestamp?.(timestamp)
    })
  }

  /** Stores a document and lists it in a role; the role is yet to be vouched for. */
  document(role: string, path: string, document: JsonValue): void {
    const bytes = Buffer.from(canonicalJson(document))
    const sha256 = hash('sha256', bytes, 'hex')
    const slash = path.lastIndexOf('/') + 1
    const file = join(this.#targets, path.slice(0, slash), `${sha256}.${path.slice(slash)}`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
    this.edit(role, ({ targets }) => {
      targets[path] = { length: bytes.length, hashes: { sha256 } }
    })
  }

  #written(role: string): Written {
    const written = this.#latest.get(role)
    if (written === undefined) throw new TypeError(`nothing is known of the role ${role}`)
    return written
  }

  #load(role: string, name: string): Signed {
    const bytes = readFileSync(join(this.#metadata, name))
    const { signed } = JSON.parse(bytes.toString('utf8')) as { signed: Signed }
    this.#latest.set(role, { signed, bytes })
    return signed
  }
}

/** Makes `keys` those of a role in a root, and drops what no role has any more. */
export function trust(root: Signed, role: string, keys: readonly ForgeKey[], threshold = 1): void {
  root.roles[role] = { keyids: keys.map(({ id }) => id), threshold }
  for (const key of keys) root.keys[key.id] = key.entry
  const used = new Set(Object.values(root.roles).flatMap(({ keyids }) => keyids))
  for (const id of Object.keys(root.keys)) if (!used.has(id)) delete root.keys[id]
}

function versionIn({ meta }: Signed, role: string): number {
  return meta[`${role}.json`]?.version ?? 0
}

function describe({ version }: Signed, bytes: Buffer, digests = true): FileEntry {
  if (!digests) return { version }
  return { version, length: bytes.length, hashes: { sha256: hash('sha256', bytes, 'hex') } }
}
