export interface StreamEvent {
  readonly id: string | undefined
  readonly name: string
  readonly data: unknown
}

/** The events of a stream, as a browser reads them; comments are passed over. */
export async function* readEvents(response: Response): AsyncGenerator<StreamEvent, void, undefined> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = parse(text.slice(0, end))
      text = text.slice(end + 2)
      if (event !== undefined) yield event
    }
  }
}

function parse(block: string): StreamEvent | undefined {
  const fields = new Map(
    block.split('\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trimStart()] as const]
    }),
  )
  const data = fields.get('data')
  if (data === undefined) return undefined
  return { id: fields.get('id'), name: fields.get('event') ?? 'message', data: JSON.parse(data) as unknown }
}
