/** How often something goes wrong, of 10,000 calls. */
export interface Chances {
  /** Answered 503; nothing was done. */
  readonly refused: number
  /** Done, but the answer is lost. */
  readonly lost: number
  /** The caller gives up; the request is still on its way, and may be carried out later. */
  readonly abandoned: number
  /** Carried out, and once more later, though it was answered. */
  readonly repeated: number
  /** Carried out at once, and answered later. */
  readonly slow: number
  /** A body breaks off in its middle. */
  readonly cut: number
  /** The process that called dies. */
  readonly crash: number
  /** The process that called stands still for up to seconds, while others go on. */
  readonly pause: number
  /** It stands still for up to an hour, and does not notice. */
  readonly stall: number
  /** Up to twice the longest time of a request goes by. */
  readonly leap: number
}

export type CallFault = 'refused' | 'lost' | 'abandoned' | 'repeated' | 'slow'

export const callFaults: readonly CallFault[] = ['refused', 'lost', 'abandoned', 'repeated', 'slow']

export const noFaults: Chances = {
  refused: 0,
  lost: 0,
  abandoned: 0,
  repeated: 0,
  slow: 0,
  cut: 0,
  crash: 0,
  pause: 0,
  stall: 0,
  leap: 0,
}

export const usualFaults: Chances = {
  refused: 150,
  lost: 100,
  abandoned: 80,
  repeated: 80,
  slow: 800,
  cut: 40,
  crash: 25,
  pause: 200,
  stall: 25,
  leap: 20,
}
