import type { Command, Usage } from './measure.ts'
import type { Comparison } from './pairs-compare.ts'

/** A content that the newer tree has and the older has nowhere. */
export interface WantedContent {
  /** In b. Of several files with this content, the first. */
  readonly path: string
  readonly digest: string
  readonly bytes: number
  /** The path in a of what it is made from; absent when it has none. */
  readonly basis?: string
}

/** One pair as one contender gets it. */
export interface Work {
  /** The older tree and the newer, without device nodes, fifos and sockets. */
  readonly a: string
  readonly b: string
  readonly comparison: Comparison
  readonly wanted: readonly WantedContent[]
  /** Empty at the start and the contender's own. */
  readonly directory: string
  /** Runs a command to its end, after the disk has settled, and says what it used. */
  readonly measure: (command: Command) => Promise<Usage>
}

/** The methods are called once each, in this order; `apply` perhaps several times. */
export interface Contender {
  readonly name: string
  readonly remark: string
  /** Makes what leads from a to b; says what that alone used, without what came before. */
  readonly make: (work: Work) => Promise<Usage>
  /** How many bytes a machine that has a must fetch. */
  readonly bytes: (work: Work) => Promise<number>
  /** Makes b, or the wanted contents of it, from a and what was fetched; undefined when it refuses to. */
  readonly apply: (work: Work) => Promise<Usage | undefined>
  /** Throws unless what was made is b. Not called when nothing was. */
  readonly check: (work: Work) => Promise<void>
}

export interface Outcome {
  readonly bytes: number
  readonly make: Usage
  readonly apply: Usage | undefined
}
