#!/usr/bin/env node
import module from 'node:module'

await import('../../infra/require-node.mjs')
// Not the shared default below /tmp: what is cached there would run as whoever comes next, root included.
module.enableCompileCache(new URL('../../node_modules/.cache/vend', import.meta.url).pathname)
const { main } = await import('./quickstart-main.ts')
await main(process.argv.slice(2))
