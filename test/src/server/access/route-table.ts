import type { Need } from '../../../../src/access/need.ts'
import { InlineQueue } from '../../../../src/jobs/inline-queue.ts'
import { jobsPlane } from '../../../../src/server/jobs/jobs-plane.ts'
import { PublishingPlane } from '../../../../src/server/publishing/publishing-plane.ts'
import type { MakePlane } from '../../../../src/server/plane.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'

/** What one operation of openapi.yaml is asked, and what whoever may do it is answered. */
export interface TableRoute {
  /** With the values that `exampleOf` has for its parameters where it is left out. */
  readonly url?: string
  /** nothing: a token makes no difference; identity: any good one. */
  readonly needs: Need | 'nothing' | 'identity'
  /** With a `Content-Type` of JSON where it is an object. */
  readonly body?: Buffer | object
  readonly headers?: Readonly<Record<string, string>>
  /** Status, and code of a problem that is not about access. */
  readonly granted: readonly [status: number, code?: string]
}

const free = (...granted: TableRoute['granted']): TableRoute => ({ needs: 'nothing', granted })
const absent = free(404, 'OBJECT_UNKNOWN')

/** By `operationId`. Every operation of openapi.yaml has its line here. */
export const routeTable: Readonly<Record<string, TableRoute>> = {
  getChunk: absent,
  headChunk: absent,
  getManifest: absent,
  headManifest: absent,
  getPack: absent,
  headPack: absent,
  getDelta: absent,
  headDelta: absent,
  getCheckpoint: free(200),
  headCheckpoint: free(200),
  getTile: absent,
  headTile: absent,
  getPartialTile: absent,
  headPartialTile: absent,
  getTimestamp: free(200),
  headTimestamp: free(200),
  getMetadata: free(200),
  headMetadata: free(200),
  getReleaseTarget: absent,
  headReleaseTarget: absent,
  getChannelTarget: absent,
  headChannelTarget: absent,
  getChannels: free(200),
  headChannels: free(200),
  getChannel: free(200),
  headChannel: free(200),
  getReleases: free(200),
  headReleases: free(200),
  getRelease: free(200),
  headRelease: free(200),
  getModules: free(200),
  headModules: free(200),
  getModule: free(200),
  headModule: free(200),
  getFiles: free(200),
  headFiles: free(200),
  getDiff: free(200),
  headDiff: free(200),
  sendReport: {
    needs: 'nothing',
    body: { channel: 'stable', id: 'a'.repeat(32), from: null, to: 1, phase: 'switch', outcome: 'ok' },
    granted: [204],
  },
  getIdentity: { needs: 'identity', granted: [200] },
  getJobs: { needs: { may: 'watch' }, granted: [200] },
  startJob: { needs: { may: 'operate' }, body: { kind: 'verify' }, granted: [202] },
  getJob: { needs: { may: 'watch' }, granted: [404, 'JOB_UNKNOWN'] },
  cancelJob: { needs: { may: 'operate' }, granted: [404, 'JOB_UNKNOWN'] },
  getJobEvents: { needs: { may: 'watch' }, granted: [404, 'JOB_UNKNOWN'] },
  beginPublish: {
    needs: { may: 'publish' },
    body: { version: 1, attempt: '0'.repeat(16), started: '2026-01-01T00:00:00Z' },
    granted: [200],
  },
  getPublishes: { needs: { may: 'publish' }, granted: [200] },
  headPublishes: { needs: { may: 'publish' }, granted: [200] },
  endPublish: { needs: { may: 'publish' }, granted: [204] },
  sendChunks: { needs: { may: 'publish' }, body: Buffer.alloc(40), granted: [422, 'FRAME_INVALID'] },
  getChunks: { needs: { may: 'publish' }, granted: [200] },
  headChunks: { needs: { may: 'publish' }, granted: [200] },
  findMissingChunks: { needs: { may: 'publish' }, body: Buffer.alloc(32), granted: [200] },
  sendManifest: { needs: { may: 'publish' }, body: Buffer.alloc(32), granted: [422, 'MANIFEST_REFUSED'] },
  sendSketches: { needs: { may: 'publish' }, body: Buffer.alloc(32), granted: [422, 'SKETCHES_REFUSED'] },
  getSketches: { needs: { may: 'publish' }, granted: [404, 'OBJECT_UNKNOWN'] },
  headSketches: { needs: { may: 'publish' }, granted: [404, 'OBJECT_UNKNOWN'] },
  commit: { needs: { may: 'publish' }, body: {}, granted: [400, 'REQUEST_INVALID'] },
  sendCheckpoint: {
    needs: { may: 'publish' },
    body: Buffer.from('none'),
    granted: [422, 'METADATA_REFUSED'],
  },
  getHealth: free(200),
  headHealth: free(200),
  getReadiness: free(200),
  headReadiness: free(200),
}

/** What the server of the table has besides its own planes. */
export function tablePlanes(store: BlobStore): MakePlane[] {
  return [
    jobsPlane({ queue: new InlineQueue(), signal: new AbortController().signal }),
    (context) => new PublishingPlane({ store }, context),
  ]
}

/** For the parameters of paths. */
export const exampleOf: Readonly<Record<string, string>> = {
  shard: '0123',
  digest: `0123${'0'.repeat(60)}`,
  to: 'a'.repeat(64),
  from: 'b'.repeat(64),
  level: '0',
  index: '000',
  width: '255',
  number: '1',
  role: 'root',
  version: '1',
  channel: 'stable',
  module: 'base',
  other: '1',
  publish: '0000000000000000-1',
  job: 'verify-0123456789abcdef',
}
