import type { PutBody } from '../../../storage/blob-store.ts'
import { mapInOrder } from '../../map-in-order.ts'
import type { MirrorTarget } from './mirror-target.ts'

const concurrentObjects = 16

export interface MirroredObject {
  readonly key: string
  readonly body: PutBody
}

/** Puts what `fetch` makes of each item, unless it makes nothing. Resolves to how many there were. */
export async function putEach<Item>(
  target: MirrorTarget,
  items: Iterable<Item>,
  fetch: (item: Item) => Promise<MirroredObject | undefined>,
): Promise<number> {
  let count = 0
  for await (const object of mapInOrder(items, concurrentObjects, async (item) => {
    const fetched = await fetch(item)
    if (fetched !== undefined && !target.isSequential) await target.put(fetched.key, fetched.body)
    return fetched
  })) {
    if (object === undefined) continue
    if (target.isSequential) await target.put(object.key, object.body)
    count++
  }
  return count
}
