import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** nginx with infra/nginx/repository.conf.template and nothing else, on a free port; ends when disposed of. */
export async function startNginx(
  repository: string,
  scratch: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort()
  const template = readFileSync(
    new URL('../../infra/nginx/repository.conf.template', import.meta.url),
    'utf8',
  )
  const server = template
    .replaceAll('${VEND_NGINX_LISTEN}', `127.0.0.1:${port}`)
    .replaceAll('${VEND_NGINX_ROOT}', repository)
  mkdirSync(scratch, { recursive: true })
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${scratch}/tmp;`,
  )
  const user = process.geteuid?.() === 0 ? 'user root;' : ''
  const configuration = `${user} daemon off; pid ${scratch}/pid; error_log stderr crit; events {}
    http { access_log off; ${paths.join(' ')}\n${server} }`
  writeFileSync(join(scratch, 'nginx.conf'), configuration)
  const child = spawn('nginx', ['-c', join(scratch, 'nginx.conf'), '-p', scratch], {
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'close')
  const url = `http://127.0.0.1:${port}/`
  await answered(url)
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function answered(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch {
      await sleep(50)
    }
  }
  throw new Error(`nothing answers at ${url}`)
}
