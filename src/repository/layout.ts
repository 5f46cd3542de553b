import { hexOf, type Digest } from '../../manifests/digest.ts'

/**
 * Every key of a repository, which is also every path under its URL (format §4):
 *
 *     chunks/<hex 0..3>/<hex>.cacnk
 *     manifests/<hex>.ndjson.zst
 *     packs/<to hex>/<from hex>.pack
 *     deltas/<to hex>/<from hex>.delta
 *     tuf/metadata/<version>.<role>.json, tuf/metadata/timestamp.json
 *     tuf/targets/<directory>/<hex>.<name>
 *     log/checkpoint, log/tile/<level>/<index>[.p/<width>], log/tile/entries/<index>[.p/<width>]
 *     private/publishes/<attempt>-<version>.json  never served
 *     private/sweeps/<id>.keys.zst           never served
 *     private/quarantine/<run>/<part>        never served
 *     private/collected.json                 never served (src/maintenance/collection-record.ts)
 *     private/sketches/<manifest hex>.zst    never served; derived, may be absent
 *     private/reports/<channel>/<digit>.json  never served (src/reports/shard-document.ts)
 *     private/tokens, private/usage, private/access-log  never served (src/access)
 */

export const chunkPrefix = 'chunks/'
export const packPrefix = 'packs/'
export const timestampKey = 'tuf/metadata/timestamp.json'
export const checkpointKey = 'log/checkpoint'
export const leasePrefix = 'private/publishes/'
export const sweepPrefix = 'private/sweeps/'
export const quarantinePrefix = 'private/quarantine/'

export function chunkKey(digest: Digest): string {
  const hex = hexOf(digest)
  return `${chunkPrefix}${hex.slice(0, 4)}/${hex}.cacnk`
}

/** The chunk's 64 digits, or undefined for a key that is not a chunk's. */
export function chunkHexOf(key: string): string | undefined {
  return /^chunks\/([0-9a-f]{4})\/(\1[0-9a-f]{60})\.cacnk$/.exec(key)?.[2]
}

export function manifestKey(digest: Digest): string {
  return `manifests/${hexOf(digest)}.ndjson.zst`
}

const nothing = '0'.repeat(64)

/** The manifest's 64 digits, or undefined for a key that is not a manifest's. */
export function manifestHexOf(key: string): string | undefined {
  return /^manifests\/([0-9a-f]{64})\.ndjson\.zst$/.exec(key)?.[1]
}

/** From a manifest to a manifest; from nothing, for a first install. */
export function packKey(from: Digest | undefined, to: Digest): string {
  return `${packPrefix}${hexOf(to)}/${from === undefined ? nothing : hexOf(from)}.pack`
}

/** From a content to a content. */
export function deltaKey(from: Digest, to: Digest): string {
  return `deltas/${hexOf(to)}/${hexOf(from)}.delta`
}

export function metadataKey(role: string, version: number): string {
  return `tuf/metadata/${version}.${role}.json`
}

/** Where the target `releases/10.json` with the given digest lies: consistent snapshots put the digest into the name. */
export function targetKey(path: string, digest: Digest): string {
  const slash = path.lastIndexOf('/') + 1
  return `tuf/targets/${path.slice(0, slash)}${hexOf(digest)}.${path.slice(slash)}`
}

/** Where an object of the log lies, named relative to the log (src/transparency). */
export function logKey(path: string): string {
  return `log/${path}`
}

/** Of one attempt to publish a version. */
export function leaseKey(version: number, attempt: string): string {
  return `${leasePrefix}${attempt}-${version}.json`
}

export function sweepKey(id: string): string {
  return `${sweepPrefix}${id}.keys.zst`
}

/** Of the contents of the manifest with this digest (src/similarity/sketch-set.ts). */
export function sketchesKey(manifest: Digest): string {
  return `private/sketches/${hexOf(manifest)}.zst`
}

/** How the HTTP caches on the way may treat what lies under a key. */
export const immutableCaching = 'public, max-age=31536000, immutable'
export const revalidatedCaching = 'public, no-cache'
