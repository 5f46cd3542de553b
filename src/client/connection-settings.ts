import { isAbsolute } from 'node:path'
import * as z from 'zod'

const filePath = z
  .string()
  .refine((path) => isAbsolute(path) && !path.includes('\0'), 'is not the absolute path of a file')

/** Of a server; credentials are in none. */
export const serverUrl = z
  .url({ protocol: /^https?$/, error: 'is not the URL of a server (https://…)' })
  .refine((text) => URL.parse(text)?.username === '', 'has a user')

/** More are no help, and each may cost a run its patience. */
const maxMirrors = 8

/** How a machine reaches its repository, besides the URL. */
export const connectionSchema = z
  .strictObject({
    /** Of the authorities that servers' certificates are signed by, in the place of those that Node.js brings. */
    ca: filePath.optional(),
    clientCertificate: filePath.optional(),
    clientKey: filePath.optional(),
    /** Base URLs, each with a slash at its end, in the order in which they are asked after the first. */
    mirrors: z.array(serverUrl).min(1).max(maxMirrors, `are more than ${maxMirrors}`).optional(),
    /** A URL, perhaps with user and password; none: not even what the environment names. */
    proxy: z.union([z.literal('none'), z.url({ protocol: /^https?$/ })]).optional(),
  })
  .refine(
    ({ clientCertificate, clientKey }) => (clientCertificate === undefined) === (clientKey === undefined),
    {
      error: 'a client certificate and its key belong together',
    },
  )

export type ConnectionSettings = z.output<typeof connectionSchema>
