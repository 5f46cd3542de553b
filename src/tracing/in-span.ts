import {
  spanChannel,
  type Carrier,
  type SpanKindName,
  type SpanMessage,
  type SpanValue,
} from './span-message.ts'

export interface SpanOptions {
  /** Default: internal. */
  readonly kind?: SpanKindName
  /** Neither addresses, nor queries, nor anything secret. */
  readonly attributes?: Readonly<Record<string, SpanValue>>
  /** Headers, or what `traceHeaders` gave elsewhere; undefined: the span that one is in. */
  readonly carrier?: Carrier | undefined
}

/** The span of what is being done, which it may say more about. */
export interface SpanUnderWay {
  set(name: string, value: SpanValue): void
  /** Something that goes on when the work has resolved, such as a body that is read. Must not reject. */
  lastsUntil(over: Promise<void>): void
  /** For failures that are answered rather than thrown. */
  fail(): void
}

const spans = spanChannel()

const untraced: SpanUnderWay = {
  set: () => undefined,
  lastsUntil: () => undefined,
  fail: () => undefined,
}

/** Whether anyone traces: for those who would have to do something for it. */
export function isTraced(): boolean {
  return spans.hasSubscribers
}

/** Does some work in a span of that name, within the one that the caller is in. Without tracing it does the work. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: SpanUnderWay) => Promise<T>,
): Promise<T> {
  if (!spans.hasSubscribers) return work(untraced)
  const { kind = 'internal', carrier, attributes } = options
  const message: SpanMessage = { name, kind, carrier, attributes: { ...attributes } }
  const span: SpanUnderWay = {
    set: (attribute, value) => {
      message.attributes[attribute] = value
    },
    lastsUntil: (over) => {
      message.until = over
    },
    fail: () => {
      message.failed = true
    },
  }
  return spans.tracePromise(async () => work(span), message)
}
