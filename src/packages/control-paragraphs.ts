/** The fields of a paragraph of a Debian control file, by their names in lower case (deb822(5)). */
export type ControlParagraph = ReadonlyMap<string, string>

/** The paragraphs of a control file. Lines that are neither a field nor the continuation of one are passed over. */
export function* parseControl(text: string): Generator<ControlParagraph> {
  let fields = new Map<string, string>()
  let current: string | undefined
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      if (fields.size > 0) yield fields
      fields = new Map()
      current = undefined
    } else if (/^[ \t]/.test(line)) {
      if (current !== undefined) fields.set(current, `${fields.get(current) ?? ''}\n${line.trim()}`)
    } else {
      const colon = line.indexOf(':')
      current = colon < 1 ? undefined : line.slice(0, colon).toLowerCase()
      if (current !== undefined) fields.set(current, line.slice(colon + 1).trim())
    }
  }
  if (fields.size > 0) yield fields
}
