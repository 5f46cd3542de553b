import { writeFile } from 'node:fs/promises'

export interface Panel {
  readonly title: string
  readonly bars: readonly { readonly name: string; readonly value: number; readonly label: string }[]
}

const panelWidth = 380
const panelsAcross = 2
const nameWidth = 140
const labelWidth = 68
const barHeight = 11
const rowHeight = 16
const titleHeight = 24
const margin = 12

/** One colour a contender, the same in every panel; told apart by light as well as by hue. */
const colours = ['#7f8fa6', '#c9a227', '#b5651d', '#8fb339', '#3b7a57', '#2a5caa', '#7b3fa0', '#b03052']

/** Horizontal bars, a panel for each group with a scale of its own that begins at zero. */
export async function writePlot(file: string, panels: readonly Panel[]): Promise<void> {
  const height = Math.max(...panels.map(({ bars }) => panelHeight(bars.length)), 0)
  const rows = Math.ceil(panels.length / panelsAcross)
  const size = { width: panelsAcross * panelWidth + margin, height: rows * height + margin }
  const drawn = panels.map((panel, index) => {
    const x = (index % panelsAcross) * panelWidth + margin
    const y = Math.floor(index / panelsAcross) * height + margin
    return `<g transform="translate(${x} ${y})">\n${drawPanel(panel)}</g>\n`
  })
  await writeFile(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" ` +
      `height="${size.height}" font-family="sans-serif" font-size="11" fill="#222">\n` +
      `<rect width="100%" height="100%" fill="#fff"/>\n${drawn.join('')}</svg>\n`,
  )
}

function panelHeight(bars: number): number {
  return titleHeight + bars * rowHeight + margin
}

function drawPanel({ title, bars }: Panel): string {
  const longest = Math.max(...bars.map(({ value }) => value), 1)
  const full = panelWidth - nameWidth - labelWidth - margin
  const lines = bars.map(({ name, value, label }, index) => {
    const y = titleHeight + index * rowHeight
    const width = Math.max((value / longest) * full, 1).toFixed(1)
    return (
      `<text x="${nameWidth - 6}" y="${y + barHeight - 2}" text-anchor="end">${escaped(name)}</text>` +
      `<rect x="${nameWidth}" y="${y}" width="${width}" height="${barHeight}" fill="${colours[index % colours.length]}"/>` +
      `<text x="${nameWidth + Number(width) + 5}" y="${y + barHeight - 2}">${escaped(label)}</text>\n`
    )
  })
  return `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>\n${lines.join('')}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
