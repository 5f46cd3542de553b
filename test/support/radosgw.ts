import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { S3 } from '@aws-sdk/client-s3'

/** An S3 server for tests. */
export interface S3Server {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/**
 * Starts a RADOS gateway unless it runs already, and leaves it running for the tests that follow. The server that
 * VEND_TEST_S3_ENDPOINT names (with VEND_TEST_S3_REGION and the AWS_* keys) is used instead of it.
 */
export async function startRadosgw(): Promise<S3Server> {
  if (process.env['VEND_TEST_S3_ENDPOINT'] !== undefined) return serverIn(process.env)
  const { stdout } = await promisify(execFile)(script('start-radosgw'), { timeout: 90_000 })
  return serverIn(Object.fromEntries(stdout.trim().split('\n').map(assignment)))
}

/** Ends the gateway that startRadosgw or an earlier run started. */
export async function stopRadosgw(): Promise<void> {
  if (process.env['VEND_TEST_S3_ENDPOINT'] !== undefined) return
  await promisify(execFile)(script('stop-radosgw'))
}

/** A new bucket with a random name; disposing empties and removes it. */
export async function makeBucket(server: S3Server): Promise<AsyncDisposable & { readonly name: string }> {
  const name = `vend-test-${randomBytes(8).toString('hex')}`
  const s3 = s3Client(server)
  await s3.createBucket({ Bucket: name })
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await emptyBucket(s3, name)
      await s3.deleteBucket({ Bucket: name })
      s3.destroy()
    },
  }
}

/** For what a test must look at from beside the store. */
export function s3Client({ endpoint, region, accessKeyId, secretAccessKey }: S3Server): S3 {
  return new S3({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

async function emptyBucket(s3: S3, Bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await s3.listObjectsV2({ Bucket })
    if (Contents.length === 0) return
    await s3.deleteObjects({ Bucket, Delete: { Quiet: true, Objects: Contents.map(({ Key }) => ({ Key })) } })
  }
}

function script(name: string): string {
  return fileURLToPath(new URL(`../../infra/test/${name}`, import.meta.url))
}

function assignment(line: string): [string, string] {
  const [name = '', ...value] = line.split('=')
  return [name, value.join('=')]
}

function serverIn(env: Readonly<Record<string, string | undefined>>): S3Server {
  const read = (name: string): string => {
    const value = env[name]
    if (value === undefined) throw new Error(`${name} is needed to test on an S3 server`)
    return value
  }
  return {
    endpoint: read('VEND_TEST_S3_ENDPOINT'),
    region: read('VEND_TEST_S3_REGION'),
    accessKeyId: read('AWS_ACCESS_KEY_ID'),
    secretAccessKey: read('AWS_SECRET_ACCESS_KEY'),
  }
}
