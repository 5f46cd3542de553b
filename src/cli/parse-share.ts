import { quote } from './setting-parsers.ts'

/** `2%`, `0.5 %` or `99.9%` as a share above 0 and below 1. */
export function parseShare(text: string): number {
  const percent = Number(/^(\d{1,2}(?:\.\d{1,4})?) ?%$/.exec(text)?.[1])
  if (percent > 0 && percent < 100) return percent / 100
  throw new Error(`${quote(text)} is not a share above 0 and below 100 %; write 2%, or 0.5%`)
}
