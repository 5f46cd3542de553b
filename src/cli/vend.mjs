#!/usr/bin/env node
await import('../../infra/require-node.mjs')
const { main } = await import('./vend-main.ts')
await main(process.argv.slice(2))
