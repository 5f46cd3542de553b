import type { ContentTask } from './pack-messages.ts'

/** So many bytes of contents are made by one thread after another, and learn from each other. */
const batchBytes = 512 << 20

/** Cuts contents into batches, by nothing but their sizes: the same bytes come out however many threads there are. */
export function* batchesOf(contents: Iterable<ContentTask>): Generator<readonly ContentTask[]> {
  let batch: ContentTask[] = []
  let bytes = 0
  for (const content of contents) {
    if (batch.length > 0 && bytes + content.target.size > batchBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(content)
    bytes += content.target.size
  }
  if (batch.length > 0) yield batch
}
