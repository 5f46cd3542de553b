import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'

/** Processor time, memory, event loop, garbage collection and files of this process, and what program it is. */
export function processMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry })
  const build = new Gauge({
    name: 'vend_build_info',
    help: 'Always 1; its label is the version of the program.',
    labelNames: ['version'],
    registers: [registry],
  })
  build.set({ version }, 1)
}
