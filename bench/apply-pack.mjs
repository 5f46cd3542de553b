/** Applies a pack as `bench/apply-pack.ts` says, started as the client's programs are: compiled code is kept. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/vend', import.meta.url)))
await import('./apply-pack.ts')
