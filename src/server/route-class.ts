/** What kind of thing is asked for: few, whatever strangers ask for, so that they can label measurements. */
export const routeClasses = [
  'chunks',
  'manifests',
  'packs',
  'deltas',
  'tuf',
  'log',
  'state',
  'reports',
  'jobs',
  'publishing',
  'access',
  'health',
  'other',
] as const

export type RouteClass = (typeof routeClasses)[number]

/** By the first name of the path. */
const objects: ReadonlyMap<string, RouteClass> = new Map([
  ['chunks', 'chunks'],
  ['manifests', 'manifests'],
  ['packs', 'packs'],
  ['deltas', 'deltas'],
  ['tuf', 'tuf'],
  ['log', 'log'],
  ['healthz', 'health'],
  ['readyz', 'health'],
])

/** By the name behind /v1. */
const control: ReadonlyMap<string, RouteClass> = new Map([
  ['channels', 'state'],
  ['releases', 'state'],
  ['reports', 'reports'],
  ['jobs', 'jobs'],
  ['ingest', 'jobs'],
  ['publishes', 'publishing'],
  ['chunks', 'publishing'],
  ['manifests', 'publishing'],
  ['sketches', 'publishing'],
  ['commits', 'publishing'],
  ['log', 'publishing'],
  ['tokens', 'access'],
  ['whoami', 'access'],
  ['access-log', 'access'],
])

/** Of a path without its query. */
export function routeClassOf(path: string): RouteClass {
  const first = nameAt(path, 1)
  const known = first === 'v1' ? control.get(nameAt(path, 4)) : objects.get(first)
  return known ?? 'other'
}

function nameAt(path: string, start: number): string {
  const end = path.indexOf('/', start)
  return end < 0 ? path.slice(start) : path.slice(start, end)
}
