import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Servers of the load bench, each in a process of its own and with a log of its own in `scratch`. */
export interface LoadServer extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

const infra = join(import.meta.dirname, '../infra')
const launcher = join(import.meta.dirname, '../src/cli/vend.mjs')

/** `vend serve`, with the log that it has unless it is told otherwise. */
export async function startVend(
  scratch: string,
  settings: readonly string[],
  options: readonly string[] = [],
): Promise<LoadServer> {
  const port = await freePort()
  const words = [launcher, 'serve', '--listen', `127.0.0.1:${port}`, ...options, ...settings]
  return start(process.execPath, words, { port, log: join(scratch, `vend-${port}.log`) })
}

/** nginx alone on the repository's files. */
export async function startNginxOnFiles(scratch: string, repository: string): Promise<LoadServer> {
  return startNginx(scratch, 'repository.conf.template', { ROOT: repository })
}

/** nginx that keeps what `vend serve` at a URL says. */
export async function startNginxBefore(scratch: string, url: string): Promise<LoadServer> {
  const cache = join(scratch, 'nginx-cache')
  await mkdir(cache, { recursive: true })
  const { host } = new URL(url)
  const variables = { FRONT_ENDS: `server ${host};`, CACHE: cache, CACHE_SIZE: '1g' }
  return startNginx(scratch, 'front-ends.conf.template', variables)
}

/** Varnish that does. Its front ends are all the one. */
export async function startVarnishBefore(scratch: string, url: string): Promise<LoadServer> {
  const port = await freePort()
  const directory = join(scratch, `varnish-${port}`)
  await mkdir(directory, { recursive: true })
  const vcl = await readFile(join(infra, 'varnish/default.vcl'), 'utf8')
  const file = join(directory, 'default.vcl')
  await writeFile(file, vcl.replaceAll(/\.port = "808\d"/g, `.port = "${new URL(url).port}"`))
  const words = [
    '-F',
    '-a',
    `127.0.0.1:${port}`,
    '-f',
    file,
    '-s',
    'malloc,256m',
    '-n',
    join(directory, 'work'),
  ]
  const log = join(directory, 'log')
  const server = await start('varnishd', [...words, '-j', 'none', '-T', 'none'], { port, log })
  while (!(await fetch(`${server.url}/readyz`)).ok) await sleep(100)
  return server
}

async function startNginx(
  scratch: string,
  template: string,
  variables: Readonly<Record<string, string>>,
): Promise<LoadServer> {
  const port = await freePort()
  const directory = join(scratch, `nginx-${port}`)
  await mkdir(directory, { recursive: true })
  let server = await readFile(join(infra, 'nginx', template), 'utf8')
  for (const [name, value] of Object.entries({ LISTEN: `127.0.0.1:${port} backlog=4096`, ...variables })) {
    server = server.replaceAll(`\${VEND_NGINX_${name}}`, value)
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory}/tmp;`)
    .join(' ')
  const user = process.geteuid?.() === 0 ? 'user root;' : ''
  // As many workers as there are processors, and a log of requests as nginx has it by itself.
  await writeFile(
    join(directory, 'nginx.conf'),
    `${user} daemon off; worker_processes auto; worker_rlimit_nofile 20000; pid ${directory}/pid; error_log stderr error;
     events { worker_connections 8192; }
     http { access_log ${directory}/access.log; ${temporary}\n${server} }`,
  )
  const words = ['-c', join(directory, 'nginx.conf'), '-p', directory]
  return start('nginx', words, { port, log: join(directory, 'log') })
}

async function start(
  command: string,
  words: readonly string[],
  { port, log }: { readonly port: number; readonly log: string },
): Promise<LoadServer> {
  const output = openSync(log, 'w')
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', output], env })
  const ended = once(child, 'close')
  const early = ended.then(async () => {
    throw new Error(`${command} ended at once: ${await readFile(log, 'utf8')}`)
  })
  early.catch(() => undefined)
  await Promise.race([listens(port), early])
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
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

async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isThere) return
    await sleep(25)
  }
}
