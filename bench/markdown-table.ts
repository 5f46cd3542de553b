/** A table whose first column is text and whose others are figures. */
export function markdownTable(
  head: readonly [string, ...string[]],
  rows: readonly (readonly [string, ...string[]])[],
): string {
  const [, ...figures] = head
  const rule = ['---', ...figures.map(() => '---:')]
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
