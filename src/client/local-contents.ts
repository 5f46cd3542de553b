import type { Digest } from '../../manifests/digest.ts'
import type { ContentView } from '../delta/content-view.ts'

/** Contents that lie on the machine. */
export interface LocalContents {
  /** Undefined when it is not there. The caller disposes of the view. */
  open(digest: Digest): OpenContent | undefined
}

export type OpenContent = ContentView & Disposable

/** Whoever has it first. */
export function firstOf(...sources: readonly (LocalContents | undefined)[]): LocalContents {
  return {
    open: (digest) => {
      for (const source of sources) {
        const found = source?.open(digest)
        if (found !== undefined) return found
      }
      return undefined
    },
  }
}
