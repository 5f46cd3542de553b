import type { BlobStore } from '../../storage/blob-store.ts'
import type { MakePlane } from '../server/plane.ts'
import type { PublishingOptions } from '../server/publishing/publishing-plane.ts'
import type { CommandContext } from './command-context.ts'

/** What takes publishes over HTTPS, if it is to: `vend serve --publishing yes`. */
export async function openPublishing(
  { settings }: CommandContext,
  store: BlobStore,
  onEvent: PublishingOptions['onEvent'],
): Promise<MakePlane[]> {
  if (!settings.publishing) return []
  const { PublishingPlane } = await import('../server/publishing/publishing-plane.ts')
  const { KeyRing } = await import('../trust/key-ring.ts')
  const trustedRoot = new KeyRing(settings.keys).trustedRoot()
  return [(plane) => new PublishingPlane({ store, trustedRoot, onEvent }, plane)]
}
