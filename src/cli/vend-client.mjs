#!/usr/bin/env node
import module from 'node:module'
import { setClientFlags } from './client-v8-flags.mjs'

await import('../../infra/require-node.mjs')
// Not the shared default below /tmp: what is cached there would run as whoever comes next, root included.
module.enableCompileCache(new URL('../../node_modules/.cache/vend', import.meta.url).pathname)
setClientFlags()
const { main } = await import('./client-main.ts')
await main(process.argv.slice(2))
