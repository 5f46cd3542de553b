import { wholeFleet } from '../../manifests/rollout.ts'
import { quote } from './setting-parsers.ts'

/** `10%`, `10 %`, `0.25%` or `100%` as a fraction of 10,000. */
export function parseRollout(text: string): number {
  const percent = /^(\d{1,3}(?:\.\d{1,2})?) ?%$/.exec(text)?.[1]
  const fraction = Math.round(Number(percent) * 100)
  if (percent !== undefined && fraction <= wholeFleet) return fraction
  throw new Error(`${quote(text)} is not a share of the fleet; write 10%, or 0.25%, or 100%`)
}
