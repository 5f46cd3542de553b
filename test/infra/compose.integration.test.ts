import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { settingsTable } from '../../src/cli/settings-table.ts'

const path = join(import.meta.dirname, '../../infra/compose/compose.yaml')

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly unknown[]
  readonly privileged?: boolean
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
}

let services: Readonly<Record<string, Service>>

beforeAll(() => {
  const args = ['-f', path, '--profile', 'commands', 'config']
  const text = execFileSync('docker-compose', args, { encoding: 'utf8', stdio: 'pipe' })
  services = (parse(text) as { services: Record<string, Service> }).services
})

test('docker-compose takes it', () => {
  expect(Object.keys(services).sort()).toEqual([
    'front-end-1',
    'front-end-2',
    'nginx',
    'redis',
    's3',
    'vend',
    'worker',
  ])
})

test('settings are settings, and those of nginx are in its template', () => {
  const known = Object.values(settingsTable).map(({ env }) => env)
  const template = readFileSync(join(dirname(path), '../nginx/front-ends.conf.template'), 'utf8')
  for (const [name, { environment = {} }] of Object.entries(services)) {
    for (const variable of Object.keys(environment).filter((key) => key.startsWith('VEND_'))) {
      if (name === 'nginx') expect(template).toContain(`\${${variable}}`)
      else expect(known).toContain(variable)
    }
  }
  const wanted = new Set([...template.matchAll(/\$\{(VEND_\w+)\}/g)].map(([, variable]) => variable))
  expect(Object.keys(services['nginx']?.environment ?? {})).toEqual(expect.arrayContaining([...wanted]))
})

test('what is built and mounted is there, and what is fetched has a version', () => {
  for (const { image, build, volumes = [] } of Object.values(services)) {
    if (build !== undefined) expect(existsSync(join(build.context, build.dockerfile))).toBe(true)
    else expect(image).toMatch(/^docker\.io\/library\/\w+:\d/)
    for (const volume of volumes.filter((one) => one.startsWith('/'))) {
      expect(existsSync(volume.split(':')[0] ?? '')).toBe(true)
    }
  }
})

test('nothing but nginx is reached from outside, and nothing of ours may do more than it needs', () => {
  for (const [name, service] of Object.entries(services)) {
    expect(service.privileged).toBeUndefined()
    if (name !== 'nginx') expect(service.ports).toBeUndefined()
    if (service.image !== 'localhost/vend') continue
    expect([name, service.read_only, service.cap_drop]).toEqual([name, true, ['ALL']])
  }
})
