/** Applies a pack as `bench/apply-pack.ts` says, started as the client's program is: see `src/cli/vend-client.mjs`. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setClientFlags } from '../src/cli/client-v8-flags.mjs'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/vend', import.meta.url)))
setClientFlags()
await import('./apply-pack.ts')
