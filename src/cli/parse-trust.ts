import { statSync } from 'node:fs'
import { parseDigest, type Digest } from '../../manifests/digest.ts'
import { quote } from './setting-parsers.ts'

/** Whom a machine is to trust: a file with root metadata, or the digest of the repository's first. */
export type TrustArgument =
  { readonly kind: 'file'; readonly path: string } | { readonly kind: 'digest'; readonly digest: Digest }

export function parseTrust(text: string): TrustArgument {
  if (text.startsWith('sha256:')) return { kind: 'digest', digest: readDigest(text) }
  if (statSync(text, { throwIfNoEntry: false })?.isFile() === true) return { kind: 'file', path: text }
  if (/^[0-9a-f]{64}$/i.test(text)) {
    throw new Error(`there is no file of that name; a digest is written sha256:${text.toLowerCase()}`)
  }
  throw new Error(`there is no file ${quote(text)}; write a file's name, or sha256:<digest>`)
}

function readDigest(text: string): Digest {
  try {
    return parseDigest(text)
  } catch (cause) {
    throw new Error(`${quote(text)} is not sha256: and 64 lower-case hexadecimal digits`, { cause })
  }
}
