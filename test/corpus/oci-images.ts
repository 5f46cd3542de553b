import type { BadSource } from './bad-source.ts'
import { badImageArchives } from './oci-archives.ts'
import { badBlobs } from './oci-blobs.ts'
import { badDocuments } from './oci-documents.ts'
import { badLayers, badWhiteouts } from './oci-layers.ts'

/** Container images that must be refused. */
export const badImages: readonly BadSource[] = [
  ...badWhiteouts,
  ...badLayers,
  ...badBlobs,
  ...badDocuments,
  ...badImageArchives,
]
