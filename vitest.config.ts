import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests start hundreds of processes and threads of ours, which Node would compile again each time.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/vend-tests', import.meta.url),
)

// `unit` needs nothing but Node.js; `integration` starts real servers and programs (infra/test/install-packages).
export default defineConfig({
  test: {
    // Vitest would leave one processor to itself, which it does not need.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts'],
          // No module of ours has a state, so that one file's tests cannot see another's.
          isolate: false,
          setupFiles: ['test/support/compare-bytes.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.integration.test.ts'],
          setupFiles: ['test/support/compare-bytes.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          globalSetup: ['test/support/stop-services.ts'],
        },
      },
    ],
  },
})
