#!/usr/bin/env node
await import('../../infra/require-node.mjs')
const { main } = await import('./client-main.ts')
await main(process.argv.slice(2))
