export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows below their titles, every column as wide as its widest cell; no white space at the ends of lines. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => displayWidth(line[i] ?? ''))))
  return lines.map((line) => `${formatLine(line, columns, widths)}\n`).join('')
}

/** `name   value` pairs, the values below one another. */
export function formatPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => displayWidth(name)))
  return pairs.map(([name, value]) => `  ${pad(name, width, 'left')}  ${value}\n`).join('')
}

function formatLine(cells: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  return columns
    .map(({ align = 'left' }, i) => pad(cells[i] ?? '', widths[i] ?? 0, align))
    .join('  ')
    .trimEnd()
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const room = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'left' ? text + room : room + text
}

/** In characters as people count them, which is near enough to columns for names and labels. */
function displayWidth(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the range is "ASCII"
  return /^[\x00-\x7f]*$/.test(text) ? text.length : [...new Intl.Segmenter().segment(text)].length
}
