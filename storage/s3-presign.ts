import type { S3 } from '@aws-sdk/client-s3'
import { checkKey } from './blob-key.ts'
import { openClient, type S3StoreOptions } from './s3-client.ts'
import { s3Error } from './s3-errors.ts'

export interface PresignedUrl {
  readonly url: string
  /** Until when the server takes it, by its own clock. */
  readonly validUntil: Date
}

/** The signature's own limit on AWS: seven days. */
const longestSeconds = 7 * 24 * 3600

/**
 * Signs URLs with which anybody may read one blob of a bucket until they expire (AWS Signature Version 4 in the query).
 * Asks nobody: a blob that is not there gets a URL, too.
 */
export class S3Presigner implements AsyncDisposable {
  readonly #options: S3StoreOptions
  readonly #store: string
  #client: Promise<S3> | undefined

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#store = `s3://${options.bucket}`
  }

  /**
   * For GET, which HEAD is not; for `seconds`, or for less where the credentials themselves expire before. Throws a StoreError when there are no
   * credentials.
   */
  async presign(
    key: string,
    { seconds, now }: { readonly seconds: number; readonly now: Date },
  ): Promise<PresignedUrl> {
    checkKey(this.#store, key)
    try {
      this.#client ??= openClient(this.#options)
      const client = await this.#client
      const { expiration } = await client.config.credentials()
      const left = expiration === undefined ? longestSeconds : (expiration.getTime() - now.getTime()) / 1000
      const expiresIn = Math.floor(Math.min(seconds, left, longestSeconds))
      const url = await this.#sign(client, key, { expiresIn, now })
      return { url, validUntil: new Date(now.getTime() + expiresIn * 1000) }
    } catch (error) {
      throw s3Error(this.#store, key, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client
    this.#client = undefined
    ;(await client)?.destroy()
  }

  async #sign(
    client: S3,
    key: string,
    { expiresIn, now }: { readonly expiresIn: number; readonly now: Date },
  ): Promise<string> {
    const [{ getSignedUrl }, { GetObjectCommand }] = await Promise.all([
      import('@aws-sdk/s3-request-presigner'),
      import('@aws-sdk/client-s3'),
    ])
    const { bucket, prefix = '' } = this.#options
    const target = { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` }
    // What expires at once would not be signed at all; this one is refused by the server.
    return getSignedUrl(client, new GetObjectCommand(target), {
      expiresIn: Math.max(1, expiresIn),
      signingDate: now,
    })
  }
}
