import { defineConfig } from 'vitest/config'

// `unit` needs nothing but Node.js; `integration` starts real servers and programs (infra/test/install-packages).
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.integration.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          globalSetup: ['test/support/stop-services.ts'],
        },
      },
    ],
  },
})
