import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MachineLayout } from '../../../src/client/machine-layout.ts'
import { MachineLock } from '../../../src/client/machine-lock.ts'

function layout(): MachineLayout {
  const directory = mkdtempSync(join(tmpdir(), 'vend-lock-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return new MachineLayout(directory)
}

const busy = expect.objectContaining({ code: 'MACHINE_BUSY' }) as Error

test('one holder at a time, in one process too', () => {
  const machine = layout()
  const first = new MachineLock(machine)
  expect(() => new MachineLock(machine)).toThrow(busy)
  first[Symbol.dispose]()
  using second = new MachineLock(machine)
  expect(() => new MachineLock(machine)).toThrow(busy)
  expect(second).toBeDefined()
})

test('a lock ends with its process, however it ends', async () => {
  const machine = layout()
  const url = new URL('../../../src/client/', import.meta.url)
  const script = `
    const { MachineLock } = await import('${new URL('machine-lock.ts', url).href}')
    const { MachineLayout } = await import('${new URL('machine-layout.ts', url).href}')
    globalThis.held = new MachineLock(new MachineLayout(${JSON.stringify(machine.directory)}))
    process.stdout.write('held')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(() => new MachineLock(machine)).toThrow(busy)
  child.kill('SIGKILL')
  await once(child, 'close')
  using mine = new MachineLock(machine)
  expect(mine).toBeDefined()
})
