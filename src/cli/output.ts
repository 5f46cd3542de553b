import type { JsonValue } from '../../manifests/canonical-json.ts'
import { writeAll, type OutputStream, type Style } from './terminal.ts'

/**
 * What a command has to say: to people as text, to programs as one JSON document. `rows` are for what may be longer
 * than memory: they are the last member of the document.
 */
export interface Answer {
  readonly json: Readonly<Record<string, JsonValue | undefined>>
  readonly text: (style: Style) => string
  readonly rows?: Rows
  /** What people are told after the last row. */
  readonly tail?: () => string
}

export interface Rows {
  /** The member's name. */
  readonly name: string
  readonly each: AsyncIterable<Row>
}

export interface Row {
  readonly json: JsonValue
  readonly text: string
}

export async function writeAnswer(
  answer: Answer,
  stream: OutputStream,
  { asJson, style }: { readonly asJson: boolean; readonly style: Style },
): Promise<void> {
  if (asJson) await writeJson(answer, stream)
  else await writeText(answer, stream, style)
}

async function writeText({ text, rows, tail }: Answer, stream: OutputStream, style: Style): Promise<void> {
  const head = text(style)
  if (head !== '') await writeAll(stream, head)
  if (rows === undefined) return
  for await (const row of rows.each) await writeAll(stream, `${row.text}\n`)
  if (tail !== undefined) await writeAll(stream, tail())
}

async function writeJson({ json, rows }: Answer, stream: OutputStream): Promise<void> {
  const document = JSON.stringify(json, undefined, 2)
  if (rows === undefined) {
    await writeAll(stream, `${document}\n`)
    return
  }
  const head = document === '{}' ? '{' : `${document.slice(0, -2)},`
  let separator = `${head}\n  ${JSON.stringify(rows.name)}: [\n    `
  let isEmpty = true
  for await (const row of rows.each) {
    await writeAll(stream, separator + JSON.stringify(row.json))
    separator = ',\n    '
    isEmpty = false
  }
  await writeAll(stream, isEmpty ? `${head}\n  ${JSON.stringify(rows.name)}: []\n}\n` : '\n  ]\n}\n')
}
