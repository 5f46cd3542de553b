import type { OpenedStore } from '../../storage/open-store.ts'
import { inSpan } from '../tracing/in-span.ts'
import { wantsTracing } from '../tracing/wants-tracing.ts'
import { programVersion } from './program-version.ts'
import type { Environment } from './setting-parsers.ts'

/** What runs until it is ended is no part of a trace: each request and each job is. */
const services = new Set(['serve', 'work'])

/** The tracing of one run of a program; without a place for traces it does nothing, and loads nothing. */
export interface RunTracing extends AsyncDisposable {
  /** Calls to it are told in spans, where it is not the far side that does. */
  store(store: OpenedStore): Promise<OpenedStore>
  run<T>(work: () => Promise<T>): Promise<T>
}

/** As the standard's variables say; TRACEPARENT and TRACESTATE name what the run is a part of, as of a CI job. */
export async function traceRun(program: string, command: string, env: Environment): Promise<RunTracing> {
  // Machines tell nobody what they do.
  if (program !== 'vend' || !wantsTracing(env)) return untraced
  const { startTracing } = await import('../tracing/start-tracing.ts')
  const tracing = startTracing({ service: program, version: programVersion() })
  const carrier = { traceparent: env['TRACEPARENT'], tracestate: env['TRACESTATE'] }
  return {
    store: async (store) => {
      if (/^https?:/.test(store.url)) return store
      const { TracedStore } = await import('../tracing/traced-store.ts')
      return Object.assign(new TracedStore(store), { url: store.url })
    },
    run: async (work) =>
      services.has(command) ? work() : inSpan(`${program} ${command}`, { carrier }, work),
    [Symbol.asyncDispose]: async () => tracing[Symbol.asyncDispose](),
  }
}

const untraced: RunTracing = {
  store: async (store) => store,
  run: async (work) => work(),
  [Symbol.asyncDispose]: async () => undefined,
}
