import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileServer } from '../support/file-server.ts'
import { hasProgram, isRoot } from '../support/programs.ts'
import { freePort } from '../support/server-program.ts'
import { clientHere, vendHere, type HereOutcome } from '../src/cli/vend-here.ts'

interface Case {
  readonly name: string
  readonly tree: (scratch: string) => string
  readonly leastPackages: number
  readonly database: readonly string[]
  readonly databasePaths: readonly string[]
  readonly web: readonly string[]
  readonly development: readonly string[]
  /** Packages, and the module that each must be in. */
  readonly homes: Readonly<Record<string, string>>
}

const support = join(import.meta.dirname, 'modules-debian')
const [largeTree = ''] = (process.env['VEND_TEST_TREES'] ?? '').split(':')

const small: Case = {
  name: 'a small system',
  tree: (scratch) => {
    const packages = 'openssh-server,python3,nginx-light,redis-server,gcc-12-base,libc6-dev,less,procps'
    const tree = join(scratch, 'tree')
    execFileSync(join(support, 'make-tree'), [tree, packages], { stdio: ['ignore', 'ignore', 'inherit'] })
    return tree
  },
  leastPackages: 60,
  database: ['redis-server'],
  databasePaths: ['/var/lib/redis', '/var/log/redis'],
  web: ['nginx-light'],
  development: ['libc6-dev'],
  homes: {
    'openssh-server': 'ssh',
    'openssh-sftp-server': 'ssh',
    python3: 'python',
    'libpython3-stdlib': 'python',
    'redis-tools': 'database',
    'nginx-common': 'web',
    'linux-libc-dev': 'development',
    libc6: 'base',
    libssl3: 'base',
    dpkg: 'base',
  },
}

const large: Case = {
  name: "a server's system, the first of VEND_TEST_TREES",
  tree: () => largeTree,
  leastPackages: 400,
  database: ['redis-server', 'postgresql*'],
  databasePaths: ['/var/lib/redis', '/var/lib/postgresql'],
  web: ['nginx', 'nginx-*'],
  development: ['gcc*', 'make', 'gdb'],
  homes: {
    'openssh-server': 'ssh',
    'openssh-sftp-server': 'ssh',
    python3: 'base',
    'python3-requests': 'python',
    'redis-tools': 'database',
    'postgresql-15': 'database',
    'nginx-common': 'web',
    'gcc-12': 'development',
    libc6: 'base',
    libssl3: 'base',
  },
}

const missing = ['mmdebstrap', 'dpkg-query', 'python3', 'unshare'].filter((program) => !hasProgram(program))
const reason =
  isRoot && missing.length === 0 ? undefined : `needs root, and ${missing.join(', ') || 'nothing else'}`
if (reason !== undefined) process.stderr.write(`modules-debian.integration.test.ts is skipped: ${reason}\n`)
const cases = largeTree === '' ? [small] : [small, large]
const patienceMs = 20 * 60_000

describe.skipIf(reason !== undefined).each(cases)('$name in six modules', (each) => {
  let scratch = ''
  let tree = ''
  let definition = ''

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'vend-modules-'))
    tree = each.tree(scratch)
    definition = join(scratch, 'modules.yaml')
    writeFileSync(definition, definitionOf(each))
  }, patienceMs)
  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true })
  })

  async function modules(command: string, ...more: string[]): Promise<HereOutcome> {
    return vendHere(['modules', command, tree, ...more, '--definition', definition, '--json'])
  }

  test('is planned so that dpkg finds every dependency in reach', { timeout: patienceMs }, async () => {
    const plan = await modules('plan')
    expect(plan.stderr).toBe('')
    const check = spawnSync(join(support, 'check-closure.py'), [tree], {
      input: plan.stdout,
      encoding: 'utf8',
    })
    expect(check.stderr).toBe('')
    const [, packages, relations] = /^(\d+) packages, (\d+) relations\n$/.exec(check.stdout) ?? [check.stdout]
    expect(check.stdout).toBe(`${packages} packages, ${relations} relations\n`)
    expect(Number(packages)).toBeGreaterThanOrEqual(each.leastPackages)
    expect(Number(relations)).toBeGreaterThan(Number(packages))
    process.stderr.write(`${each.name}: ${check.stdout}${summaryOf(plan.stdout)}`)
  })

  test('is explained', { timeout: patienceMs }, async () => {
    const { code, stdout } = await modules('why', ...Object.keys(each.homes))
    expect(code).toBe(0)
    const { answers } = JSON.parse(stdout) as {
      answers: { subject: string; module: string; steps: string[] }[]
    }
    expect(Object.fromEntries(answers.map(({ subject, module }) => [subject, module]))).toEqual(each.homes)
    for (const { subject, steps } of answers) expect(steps.join('\n')).toContain(subject)
  })

  test(
    'is published so that every file is in one module, and a web server needs two',
    { timeout: patienceMs },
    async () => {
      const repository = join(scratch, 'repository')
      const store = { VEND_STORE: `file:${repository}`, VEND_KEYS: join(scratch, 'keys') }
      expect(await vendHere(['init'], store)).toMatchObject({ code: 0 })
      const began = performance.now()
      const published = await vendHere(['publish', tree, '--modules', definition, '--release', '1'], store)
      expect(published, published.stderr).toMatchObject({ code: 0 })
      process.stderr.write(
        `${each.name}: published in ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
      )
      await expectEachFileOnce(tree, store)
      await using server = await FileServer.start(repository)
      const machine = { VEND_MACHINE: join(scratch, 'machine') }
      const init = ['init', server.url, '--trust', join(scratch, 'keys/root.json'), '--modules', 'web']
      expect(await clientHere(init, machine)).toMatchObject({ code: 0 })
      expect(await clientHere(['update'], machine)).toMatchObject({ code: 0 })
      const root = join(scratch, 'machine/root')
      expect(
        spawnSync('chroot', [root, 'sh', '-c', 'test ! -e /usr/sbin/sshd && ls /var/lib/dpkg']).status,
      ).toBe(2)
      expect(await pageOf(root)).toContain('Welcome to nginx!')
    },
  )
})

function definitionOf({ database, databasePaths, web, development }: Case): string {
  return `
hide-packages: true
unowned: base
unlisted: base
exclude: ['/etc/ssh/ssh_host_*', '/etc/*-', '/dev/*', /etc/machine-id, /etc/hostname, /etc/resolv.conf]
modules:
  base: {essential: true, description: What every machine has}
  ssh: {packages: [openssh-server]}
  python: {packages: ['python3*']}
  database: ${JSON.stringify({ packages: database, paths: databasePaths })}
  web: ${JSON.stringify({ packages: web, paths: ['/var/www/html/index.nginx-debian.html'] })}
  development: ${JSON.stringify({ packages: development, includes: ['python'] })}
`
}

function summaryOf(plan: string): string {
  const { modules } = JSON.parse(plan) as {
    modules: Record<string, { packages: string[]; lowered: string[]; entries: number; bytes: number }>
  }
  return Object.entries(modules)
    .map(
      ([name, { packages, lowered, entries, bytes }]) =>
        `  ${name}: ${packages.length} packages (${lowered.length} lowered), ${entries} entries, ${bytes} bytes\n`,
    )
    .join('')
}

const hiddenOrExcluded =
  /^(?:dev\/|etc\/(?:ssh\/ssh_host_|[^/]*-$|machine-id$|hostname$|resolv\.conf$)|var\/(?:lib|cache)\/(?:dpkg|apt|debconf|ucf)(?:\/|$)|var\/log\/(?:apt(?:\/|$)|(?:dpkg|alternatives|bootstrap)\.log$))/

/** By find, and by what the manifests of the published modules list. */
async function expectEachFileOnce(tree: string, store: Readonly<Record<string, string>>): Promise<void> {
  const found = execFileSync('find', ['.', '-mindepth', '1', '!', '-type', 's', '-printf', '%y %P\\n'], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const wanted = found.split('\n').filter((line) => line !== '' && !hiddenOrExcluded.test(line.slice(2)))
  const files = new Map<string, number>()
  const directories = new Set<string>()
  for (const module of ['base', 'ssh', 'python', 'database', 'web', 'development']) {
    const { stdout } = await vendHere(['ls', `1:${module}`, '-R', '--json'], store)
    const { entries } = JSON.parse(stdout) as { entries: { path: string; type: string }[] }
    expect(entries.length).toBeGreaterThan(1)
    for (const { path, type } of entries) {
      if (type === 'directory') directories.add(path)
      else files.set(path, (files.get(path) ?? 0) + 1)
    }
  }
  expect([...files].filter(([, count]) => count !== 1)).toEqual([])
  const paths = (pick: (line: string) => boolean): string[] =>
    wanted
      .filter(pick)
      .map((line) => line.slice(2))
      .sort()
  expect([...files.keys()].sort()).toEqual(paths((line) => !line.startsWith('d')))
  directories.delete('')
  expect([...directories].sort()).toEqual(paths((line) => line.startsWith('d')))
}

/** What nginx answers that runs in a root, in namespaces of its own but for the network. */
async function pageOf(root: string): Promise<string> {
  const port = await freePort()
  const configuration =
    'daemon off; worker_processes 1; error_log stderr; pid /tmp/nginx.pid; events {}\n' +
    `http { access_log off; include /etc/nginx/mime.types; server { listen 127.0.0.1:${port}; ` +
    'root /var/www/html; index index.nginx-debian.html; } }\n'
  writeFileSync(join(root, 'tmp/nginx.conf'), configuration)
  const script = `mount --rbind /dev "${root}/dev"; exec chroot "${root}" nginx -c /tmp/nginx.conf`
  const nginx = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-ec', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  nginx.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  try {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (nginx.exitCode !== null) throw new Error(`nginx ended: ${said}`)
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/`)
        return await answer.text()
      } catch {
        await setTimeout(100)
      }
    }
    throw new Error(`nginx does not answer: ${said}`)
  } finally {
    nginx.kill('SIGKILL')
  }
}
