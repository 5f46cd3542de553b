/** Whether a name is one of those that a pattern stands for: `*` in it is any number of characters. */
export function matchesPattern(name: string, pattern: string): boolean {
  let at = 0
  let inPattern = 0
  /** Where the last `*` was, and the first character that it does not swallow yet. */
  let star = -1
  let swallowed = 0
  while (at < name.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern++
      swallowed = at
    } else if (inPattern < pattern.length && pattern[inPattern] === name[at]) {
      inPattern++
      at++
    } else if (star >= 0) {
      inPattern = star + 1
      at = ++swallowed
    } else return false
  }
  while (pattern[inPattern] === '*') inPattern++
  return inPattern === pattern.length
}
