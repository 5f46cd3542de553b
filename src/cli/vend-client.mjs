#!/usr/bin/env node
import module from 'node:module'
import v8 from 'node:v8'

await import('../../infra/require-node.mjs')
// Not the shared default below /tmp: what is cached there would run as whoever comes next, root included.
module.enableCompileCache(new URL('../../node_modules/.cache/vend', import.meta.url).pathname)
// Trees pass through in small short-lived objects. The heap's young part would grow to 100 MB for them, and be no faster
// than with 4; and as several threads collect it, they take more time than one. A machine has other work: all of the
// garbage is collected when it is half as much as what is in use, not when it is more.
for (const flag of [
  'min-semi-space-size=4',
  'semi-space-growth-factor=1',
  'no-parallel-scavenge',
  'heap-growing-percent=50',
])
  v8.setFlagsFromString(`--${flag}`)
const { main } = await import('./client-main.ts')
await main(process.argv.slice(2))
