import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { S3 } from '@aws-sdk/client-s3'

export interface S3StoreOptions {
  readonly bucket: string
  /** Of every key, without the `/` that follows it. */
  readonly prefix?: string | undefined
  /** Of a server other than AWS; addressed by path. */
  readonly endpoint?: string | undefined
  readonly region: string
  /** The SDK's default chain when left out. */
  readonly credentials?: S3Credentials | undefined
  /** Whether If-Match wants the quotes that ETags have in HTTP. Default: on AWS only. */
  readonly etagQuotes?: boolean | undefined
  /** Requests under way at a time; the bodies of answers being read do not count. Default 32. */
  readonly concurrency?: number
  /** A body that is longer is put in parts. Default 16 MiB. */
  readonly multipartAboveBytes?: number
  /** Of one part; at least 5 MiB, default 8 MiB. */
  readonly partBytes?: number
  /** A connection on which nothing moves for so long is given up. Default 60,000. */
  readonly idleTimeoutMs?: number
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

const connectTimeoutMs = 5_000
/** Without one, the SDK writes to the console. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** Loads the SDK only when it is needed: it takes longer to load than the rest of a command line program. */
export async function openClient(options: S3StoreOptions): Promise<S3> {
  const [{ S3: Client }, { NodeHttpHandler }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@smithy/node-http-handler'),
  ])
  const sockets = { keepAlive: true, maxFreeSockets: options.concurrency ?? 32 }
  return new Client({
    region: options.region,
    maxAttempts: 1,
    logger: silent,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(sockets),
      httpsAgent: new HttpsAgent(sockets),
      connectionTimeout: connectTimeoutMs,
      socketTimeout: options.idleTimeoutMs ?? 60_000,
    }),
    ...(options.credentials && { credentials: plainCredentials(options.credentials) }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint, forcePathStyle: true }),
    // Other servers store the framing of the newer checksums with the object, or refuse it.
    ...(options.endpoint !== undefined &&
      !isAws(options.endpoint) && {
        requestChecksumCalculation: 'WHEN_REQUIRED' as const,
        responseChecksumValidation: 'WHEN_REQUIRED' as const,
      }),
  })
}

function plainCredentials({ sessionToken, ...keys }: S3Credentials) {
  return sessionToken === undefined ? keys : { ...keys, sessionToken }
}

export function isAws(endpoint: string): boolean {
  return /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(new URL(endpoint).hostname)
}
