import { evidenceFor, logEvidenceAgainst, type Trials } from './failure-rate.ts'

/** What is promised of a release, and how sure one wants to be before it is said to be broken or kept. */
export interface FailureLimit {
  /** The share of machines that may fail, above 0 and below 1. */
  readonly maxRate: number
  /** Above 0 and below 1: a release within the limit is called bad with at most 1 − confidence, over all looks. */
  readonly confidence: number
  /** With fewer machines failed a release is never called bad, however few there were. */
  readonly minFailures: number
}

export type Verdict = 'bad' | 'fine' | 'undecided'

export interface Evidence {
  /** As heard by now. */
  readonly now: Trials
  /** Of the failures heard by now, those that are old enough for machines that set out with them to have succeeded. */
  readonly settledFailures: number
}

/**
 * Whether the failure rate is above the limit (docs/operations.md, "How the guard decides"). What fails does so sooner
 * than what succeeds, so that at any moment too many of those heard of have failed: failures count against a release
 * only when they have settled, and for it at once.
 */
export function judgeRelease({ now, settledFailures }: Evidence, limit: FailureLimit): Verdict {
  const settled = { failed: settledFailures, succeeded: now.succeeded }
  if (settledFailures >= limit.minFailures && isAbove(settled, limit) && isProven(settled, limit))
    return 'bad'
  return !isAbove(now, limit) && isProven(now, limit) ? 'fine' : 'undecided'
}

function isAbove({ failed, succeeded }: Trials, { maxRate }: FailureLimit): boolean {
  return failed > maxRate * (failed + succeeded)
}

function isProven(trials: Trials, { maxRate, confidence }: FailureLimit): boolean {
  return logEvidenceAgainst(maxRate, trials) >= evidenceFor(confidence)
}
