import type { IncomingMessage } from 'node:http'
import { pathOf } from '../request-path.ts'
import { maxCheckpointBytes } from '../../transparency/checkpoint.ts'
import { digestBytes } from '../../remote/chunk-frames.ts'
import { maxCommitBytes } from './commit-request.ts'
import { maxStoredManifestBytes } from './store-manifest.ts'
import { maxStoredSketchesBytes } from './store-sketches.ts'

export type RouteName =
  | 'begin'
  | 'leases'
  | 'end'
  | 'chunks'
  | 'missing'
  | 'upload'
  | 'manifest'
  | 'sketches'
  | 'readSketches'
  | 'commit'
  | 'checkpoint'

export interface Route {
  readonly name: RouteName
  /** What the path names. */
  readonly subject: string
  readonly methods: readonly string[]
  /** Of the body; undefined where there is none. */
  readonly maxBytes: number | undefined
}

/** As many digests are asked for at once. */
export const maxDigests = 20_000
/** A publisher sends half as much at once. */
export const maxBatchBytes = 16 << 20
const maxLeaseBytes = 64 << 10

interface RouteForm extends Omit<Route, 'subject' | 'methods'> {
  readonly method: string
  readonly pattern: RegExp
}

const hex = '[0-9a-f]{64}'

const forms: readonly RouteForm[] = [
  { name: 'begin', method: 'POST', pattern: /^\/v1\/publishes$/, maxBytes: maxLeaseBytes },
  { name: 'leases', method: 'GET', pattern: /^\/v1\/publishes$/, maxBytes: undefined },
  {
    name: 'end',
    method: 'DELETE',
    pattern: /^\/v1\/publishes\/([0-9a-f]{16}-[1-9]\d{0,15})$/,
    maxBytes: undefined,
  },
  { name: 'chunks', method: 'GET', pattern: /^\/v1\/chunks$/, maxBytes: undefined },
  { name: 'upload', method: 'POST', pattern: /^\/v1\/chunks$/, maxBytes: maxBatchBytes },
  {
    name: 'missing',
    method: 'POST',
    pattern: /^\/v1\/chunks\/missing$/,
    maxBytes: maxDigests * digestBytes,
  },
  {
    name: 'manifest',
    method: 'PUT',
    pattern: new RegExp(`^/v1/manifests/(${hex})$`),
    maxBytes: maxStoredManifestBytes,
  },
  {
    name: 'sketches',
    method: 'PUT',
    pattern: new RegExp(`^/v1/sketches/(${hex})$`),
    maxBytes: maxStoredSketchesBytes,
  },
  {
    name: 'readSketches',
    method: 'GET',
    pattern: new RegExp(`^/v1/sketches/(${hex})$`),
    maxBytes: undefined,
  },
  { name: 'commit', method: 'POST', pattern: /^\/v1\/commits$/, maxBytes: maxCommitBytes },
  { name: 'checkpoint', method: 'PUT', pattern: /^\/v1\/log\/checkpoint$/, maxBytes: maxCheckpointBytes },
]

const prefixes = /^\/v1\/(?:publishes|chunks|manifests|sketches|commits|log)(?:\/|$)/

export function isForPublishing(req: IncomingMessage): boolean {
  return prefixes.test(pathOf(req))
}

/** HEAD asks as GET does. Undefined for a path that is none of these. */
export function routeOf(req: IncomingMessage): Route | { readonly methods: readonly string[] } | undefined {
  const path = pathOf(req)
  const matching = forms.filter(({ pattern }) => pattern.test(path))
  const methods = matching.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  const asked = req.method === 'HEAD' ? 'GET' : req.method
  const form = matching.find(({ method }) => method === asked)
  if (form === undefined) return matching.length === 0 ? undefined : { methods }
  const { name, maxBytes, pattern } = form
  return { name, subject: pattern.exec(path)?.[1] ?? '', methods, maxBytes }
}
