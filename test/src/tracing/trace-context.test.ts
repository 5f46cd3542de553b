import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTraceContext, writeTraceContext } from '../../../src/tracing/trace-context.ts'
import { wantsTracing } from '../../../src/tracing/wants-tracing.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

/** Examples of W3C Trace Context §3.2 and what it says of other versions. */
describe('traceparent', () => {
  test.each([
    ['sampled', `00-${traceId}-${spanId}-01`, 1],
    ['not sampled', `00-${traceId}-${spanId}-00`, 0],
    ['a later version', `cc-${traceId}-${spanId}-01-what-the-future-will-be-like`, 1],
    ['a later version of the same form', `cc-${traceId}-${spanId}-01`, 1],
    ['flags that are not known', `00-${traceId}-${spanId}-ff`, 1],
  ])('%s', (_what, traceparent, traceFlags) => {
    expect(readTraceContext({ traceparent })).toMatchObject({ traceId, spanId, traceFlags, isRemote: true })
  })

  test.each([
    ['none', undefined],
    ['two headers', [`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01`]],
    ['empty', ''],
    ['version ff', `ff-${traceId}-${spanId}-01`],
    ['more than version 00 has', `00-${traceId}-${spanId}-01-more`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['upper case', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['too short', `00-${traceId}-${spanId}`],
  ])('is ignored: %s', (_what, traceparent) => {
    expect(readTraceContext({ traceparent })).toBeUndefined()
  })

  test('what strangers send is read or ignored', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (traceparent, tracestate) => {
        expect(() => readTraceContext({ traceparent, tracestate })).not.toThrow()
      }),
    )
  })

  test('is written as it was read, with the state of others', () => {
    const carrier = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'congo=t61rcWkgMzE,rojo=00f067' }
    const context = readTraceContext(carrier)
    const written: Record<string, string> = {}
    if (context !== undefined) writeTraceContext(context, written)
    expect(written).toEqual(carrier)
  })

  test('state that is longer than it need be is dropped', () => {
    const carrier = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: `a=${'b'.repeat(600)}` }
    expect(readTraceContext(carrier)?.traceState).toBeUndefined()
  })
})

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'TRUE' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
])('%j: traced is %s', (env, wanted) => {
  expect(wantsTracing(env)).toBe(wanted)
})
