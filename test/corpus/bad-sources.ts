import { badCompression } from './bad-compression.ts'
import { badHeaders } from './bad-headers.ts'
import { badHoles } from './bad-holes.ts'
import { badMembers } from './bad-members.ts'
import { badPackages } from './bad-packages.ts'
import type { BadSource } from './bad-source.ts'
import { badImages } from './oci-images.ts'

/** Every source that must be refused, by what it is wrong in. */
export const badSources: Readonly<Record<string, readonly BadSource[]>> = {
  members: badMembers,
  headers: badHeaders,
  holes: badHoles,
  compression: badCompression,
  packages: badPackages,
  images: badImages,
}
