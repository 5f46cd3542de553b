import type { HttpFetcher } from './http-fetcher.ts'
import type { SlotRecord } from './machine-state.ts'
import { packPath } from './pack-path.ts'

/** What is known of how a module would come. */
export interface DeliveryPreview {
  readonly module: string
  /** Of the pack from what is installed, or of that for a first install; undefined when there is none. */
  readonly packBytes: number | undefined
}

/** Asks the repository for the lengths of the packs for what would change: one request a module. */
export async function previewDeliveries(
  installed: SlotRecord | undefined,
  target: SlotRecord,
  fetcher: HttpFetcher,
  signal: AbortSignal | undefined,
): Promise<readonly DeliveryPreview[]> {
  const previews: DeliveryPreview[] = []
  for (const { name: module, digest } of target.modules) {
    const from = installed?.modules.find(({ name }) => name === module)
    if (from?.digest === digest) continue
    const { url } = packPath('', from?.digest, digest)
    previews.push({ module, packBytes: await sizeIfKnown(url, fetcher, signal) })
  }
  return previews
}

/** To know more is not worth failing for. */
async function sizeIfKnown(
  url: string,
  fetcher: HttpFetcher,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    return await fetcher.size(url, signal)
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
