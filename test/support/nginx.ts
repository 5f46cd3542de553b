import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startServerProgram } from './server-program.ts'

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
  const args = ['-c', join(scratch, 'nginx.conf'), '-p', scratch]
  const program = await startServerProgram({ command: 'nginx', args, port, endSignal: 'SIGTERM' })
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => program[Symbol.asyncDispose](),
  }
}
