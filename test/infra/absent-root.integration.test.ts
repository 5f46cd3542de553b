import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { httpGet } from '../src/server/http-get.ts'
import { freePort, startServerProgram } from '../support/server-program.ts'

const template = new URL('../../infra/nginx/front-ends.conf.template', import.meta.url)
const crowd = 8

/** A front end that says that something is absent when as many ask for it as there are in the crowd, and no sooner. */
async function startSlowFrontEnd(): Promise<AsyncDisposable & { readonly host: string }> {
  const waiting: ServerResponse[] = []
  const server = createServer((_req, res) => {
    waiting.push(res)
    if (waiting.length < crowd) return
    for (const one of waiting.splice(0)) {
      one.writeHead(404, { 'Cache-Control': 'no-store', 'Content-Length': '0' }).end()
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Every machine asks for the next root first, and there is none: in turns, a fleet would wait for hours. */
test(
  'behind nginx nobody waits until another was told that the next root is absent',
  { timeout: 30_000 },
  async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'vend-absent-root-'))
    using cleanup = new DisposableStack()
    cleanup.defer(() => rmSync(scratch, { recursive: true, force: true }))
    await using frontEnd = await startSlowFrontEnd()
    const port = await freePort()
    const variables = {
      LISTEN: `127.0.0.1:${port}`,
      FRONT_ENDS: `server ${frontEnd.host};`,
      CACHE: join(scratch, 'cache'),
      CACHE_SIZE: '10m',
    }
    let server = readFileSync(template, 'utf8').replaceAll(/^.*proxy_cache_lock_(?:timeout|age) .*$/gm, '')
    for (const [name, value] of Object.entries(variables)) {
      server = server.replaceAll(`\${VEND_NGINX_${name}}`, value)
    }
    mkdirSync(join(scratch, 'cache'))
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${scratch}/tmp;`,
    )
    const user = process.geteuid?.() === 0 ? 'user root;' : ''
    writeFileSync(
      join(scratch, 'nginx.conf'),
      `${user} daemon off; pid ${scratch}/pid; error_log stderr crit; events {}
    http { access_log off; ${paths.join(' ')}
      proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s;\n${server} }`,
    )
    const args = ['-c', join(scratch, 'nginx.conf'), '-p', scratch]
    await using _nginx = await startServerProgram({ command: 'nginx', args, port, endSignal: 'SIGTERM' })
    const path = '/tuf/metadata/2.root.json'
    const answers = await Promise.all(Array.from({ length: crowd }, async () => httpGet({ port, path })))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: crowd }, () => 404))
  },
)
