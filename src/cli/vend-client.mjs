#!/usr/bin/env node
import module from 'node:module'
import v8 from 'node:v8'

await import('../../infra/require-node.mjs')
// Not the shared default below /tmp: what is cached there would run as whoever comes next, root included.
module.enableCompileCache(new URL('../../node_modules/.cache/vend', import.meta.url).pathname)
// Trees pass through in small short-lived objects. The heap's young part would grow to 100 MB for them, and be no faster.
v8.setFlagsFromString('--semi-space-growth-factor=1')
// A machine has other work: garbage is collected when it is half as much as what is in use, not when it is more.
v8.setFlagsFromString('--heap-growing-percent=50')
const { main } = await import('./client-main.ts')
await main(process.argv.slice(2))
