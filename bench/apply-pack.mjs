/** Applies a pack as `bench/apply-pack.ts` says, started as the client's program is: see `src/cli/vend-client.mjs`. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import v8 from 'node:v8'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/vend', import.meta.url)))
for (const flag of [
  'min-semi-space-size=4',
  'semi-space-growth-factor=1',
  'no-parallel-scavenge',
  'heap-growing-percent=50',
])
  v8.setFlagsFromString(`--${flag}`)
await import('./apply-pack.ts')
