/** How many machines came to a release, and how many failed to. */
export interface Trials {
  readonly failed: number
  readonly succeeded: number
}

/**
 * The natural logarithm of how much better "the failure rate is some other" tells of these trials than "it is `rate`":
 *
 *     E(rate) = B(f + ½, s + ½) / B(½, ½) / (rate^f · (1 − rate)^s)
 *
 * for f failures, s successes and the beta function B. It is what a gambler has made of 1 who bet on each machine's
 * outcome at the odds of `rate`, by the rate seen so far (with Jeffreys' prior; in information theory the estimator of
 * Krichevsky and Trofimov, 1981). If `rate` is the true one the game is fair, and by Ville's inequality (1939) the
 * chance that E is at any time 1/α or more is at most α, however often someone looks and whenever he stops: it is a
 * test martingale (H. Robbins, "Statistical methods related to the law of the iterated logarithm", 1970; A. Ramdas, P.
 * Grünwald, V. Vovk and G. Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023).
 */
export function logEvidenceAgainst(rate: number, { failed, succeeded }: Trials): number {
  const mixture = logBeta(failed + 0.5, succeeded + 0.5) - logBeta(0.5, 0.5)
  return mixture - times(failed, Math.log(rate)) - times(succeeded, Math.log1p(-rate))
}

/** The rates that the evidence has not ruled out: with the given confidence the true one is never outside, at any time. */
export function rateInterval(
  trials: Trials,
  confidence: number,
): { readonly low: number; readonly high: number } {
  const needed = evidenceFor(confidence)
  const { failed, succeeded } = trials
  if (failed + succeeded === 0) return { low: 0, high: 1 }
  const likeliest = failed / (failed + succeeded)
  const isRuledOut = (rate: number): boolean => logEvidenceAgainst(rate, trials) >= needed
  return {
    low: failed === 0 ? 0 : bisect(0, likeliest, (rate) => !isRuledOut(rate)),
    high: succeeded === 0 ? 1 : bisect(likeliest, 1, isRuledOut),
  }
}

/** The logarithm of the evidence that a decision with this confidence needs. */
export function evidenceFor(confidence: number): number {
  return -Math.log1p(-confidence)
}

/** Where between `low` and `high` a condition that does not hold at `low`, and holds at `high`, begins to. */
function bisect(low: number, high: number, holds: (value: number) => boolean): number {
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}

/** Nothing of what there is nothing of, be it infinite. */
function times(count: number, value: number): number {
  return count === 0 ? 0 : count * value
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

/** Stirling's series (NIST DLMF 5.11.1), from 10 on, where its error is below 1e-11; by recurrence below. `x` > 0. */
function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x)
  const square = x * x
  const series = (1 / 12 - (1 / 360 - 1 / (1260 * square)) / square) / x
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series
}
