import { digestFromHex, type Digest } from '../../manifests/digest.ts'
import { checkpointKey, immutableCaching, revalidatedCaching, timestampKey } from '../repository/layout.ts'

/** The kinds of objects that never change, by the names under which operators speak of them. */
export const objectClasses = [
  'chunks',
  'manifests',
  'packs',
  'deltas',
  'metadata',
  'targets',
  'tiles',
] as const
export type ObjectClass = (typeof objectClasses)[number]

/** A key that everyone may read, known to be one by its form alone. */
export interface ServedObject {
  readonly key: string
  /** Undefined of what is replaced. */
  readonly objectClass: ObjectClass | undefined
  readonly contentType: string
  readonly caching: string
  /** The digest in the name, which the object's bytes are bound to; undefined where the name does not fix them. */
  readonly digest: string | undefined
  /** What a pack leads from and to; undefined for all else. */
  readonly pack: PackName | undefined
}

/** Digests of manifests; `from` is undefined for a first install. */
export interface PackName {
  readonly from: Digest | undefined
  readonly to: Digest
}

const hex = '[0-9a-f]{64}'
const json = 'application/json'

/** docs/format.md §4; what is private is private by not being here. */
const kinds: readonly {
  readonly objectClass: ObjectClass
  readonly pattern: RegExp
  readonly contentType: string
}[] = [
  {
    objectClass: 'chunks',
    pattern: /^chunks\/(?<shard>[0-9a-f]{4})\/(?<digest>\k<shard>[0-9a-f]{60})\.cacnk$/,
    contentType: 'application/zstd',
  },
  {
    objectClass: 'manifests',
    pattern: new RegExp(`^manifests/(?<digest>${hex})\\.ndjson\\.zst$`),
    contentType: 'application/zstd',
  },
  {
    objectClass: 'packs',
    pattern: new RegExp(`^packs/(?<to>${hex})/(?<from>${hex})\\.pack$`),
    contentType: 'application/octet-stream',
  },
  {
    objectClass: 'deltas',
    pattern: new RegExp(`^deltas/${hex}/${hex}\\.delta$`),
    contentType: 'application/octet-stream',
  },
  {
    objectClass: 'metadata',
    pattern: /^tuf\/metadata\/[1-9]\d{0,15}\.(?:root|targets|releases|channels|snapshot)\.json$/,
    contentType: json,
  },
  {
    objectClass: 'targets',
    pattern: new RegExp(`^tuf/targets/releases/(?<digest>${hex})\\.[1-9]\\d{0,15}\\.json$`),
    contentType: json,
  },
  {
    objectClass: 'targets',
    pattern: new RegExp(`^tuf/targets/channels/(?<digest>${hex})\\.[a-z0-9][a-z0-9._-]{0,63}\\.json$`),
    contentType: json,
  },
  {
    objectClass: 'tiles',
    // Twelve digits of an index are more entries than any log has.
    pattern:
      /^log\/tile\/(?:entries|[0-9]|[1-5][0-9]|6[0-3])\/(?:x\d{3}\/){0,3}\d{3}(?:\.p\/(?:[1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]))?$/,
    contentType: 'application/octet-stream',
  },
]

/** The two that are replaced. */
const mutable: ReadonlyMap<string, ServedObject> = new Map(
  [
    [timestampKey, json] as const,
    // As C2SP tlog-tiles wants it.
    [checkpointKey, 'text/plain; charset=utf-8'] as const,
  ].map(([key, contentType]) => [
    key,
    {
      key,
      objectClass: undefined,
      contentType,
      caching: revalidatedCaching,
      digest: undefined,
      pack: undefined,
    },
  ]),
)

/** The object under a URL's path, which is its key; undefined for every path that no object can have. */
export function servedObject(path: string): ServedObject | undefined {
  const key = path.slice(1)
  const replaced = mutable.get(key)
  if (replaced !== undefined) return replaced
  for (const { objectClass, pattern, contentType } of kinds) {
    const match = pattern.exec(key)
    if (match !== null) {
      const { digest, from, to } = match.groups ?? {}
      return {
        key,
        objectClass,
        contentType,
        caching: immutableCaching,
        digest,
        pack: packName(from, to),
      }
    }
  }
  return undefined
}

function packName(from: string | undefined, to: string | undefined): PackName | undefined {
  if (from === undefined || to === undefined) return undefined
  return { from: /^0+$/.test(from) ? undefined : digestFromHex(from), to: digestFromHex(to) }
}
