import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const units = join(import.meta.dirname, '../../infra/systemd')
const names = readdirSync(units)

let root: string
let installed: string

/** A root with the units that systemd brings, ours, and programs for them to start. */
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'vend-systemd-'))
  installed = join(root, 'etc/systemd/system')
  mkdirSync(installed, { recursive: true })
  mkdirSync(join(root, 'usr/lib/systemd'), { recursive: true })
  mkdirSync(join(root, 'usr/bin'))
  symlinkSync('usr/lib', join(root, 'lib'))
  cpSync('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  cpSync(units, installed, { recursive: true })
  for (const program of ['vend', 'vend-client']) {
    writeFileSync(join(root, 'usr/bin', program), '#!/bin/sh\n', { mode: 0o755 })
  }
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** All that it has to say: of a name that it does not know it only warns. */
function verify(unit: string): string {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', `--root=${root}`, unit], {
    encoding: 'utf8',
  })
  return status === 0 ? stderr : `${stderr}\nstatus ${status}`
}

test.each(names)('%s is a unit without a fault', (name) => {
  expect(verify(name.replace('@.', '@1.'))).toBe('')
})

test('a fault would be told', () => {
  const unit = readFileSync(join(units, 'vend-serve.service'), 'utf8')
  writeFileSync(join(installed, 'typo.service'), unit.replace('ProtectClock', 'ProtectClok'))
  expect(verify('typo.service')).toContain("Unknown key 'ProtectClok'")
})

test.each(names.filter((name) => name.endsWith('.service') && !name.startsWith('vend-client')))(
  '%s is kept from what it does not need',
  (name) => {
    const args = ['security', '--offline=yes', '--threshold=20', '--no-pager', `--root=${root}`, name]
    expect(() => execFileSync('systemd-analyze', args, { stdio: 'pipe' })).not.toThrow()
  },
)

test('what a unit starts, the programs know', () => {
  const started = names.flatMap((name) => {
    const lines = readFileSync(join(units, name), 'utf8').split('\n')
    return lines
      .filter((line) => line.startsWith('ExecStart='))
      .map((line) => line.slice('ExecStart='.length))
  })
  expect(started.length).toBe(names.filter((name) => name.endsWith('.service')).length)
  for (const line of started) {
    const [program = '', ...words] = line.split(' ')
    const launcher = `../../src/cli/${program.replace('/usr/bin/', '')}.mjs`
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, launcher), ...words, '--help'],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    )
    expect([line, status, stderr]).toEqual([line, 0, ''])
  }
})
