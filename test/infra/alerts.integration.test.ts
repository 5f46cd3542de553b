import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const rules = resolve(import.meta.dirname, '../../infra/prometheus')

function promtool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  return { status, output: stdout + stderr }
}

test('Prometheus takes the rules, and they fire when they should and not else', () => {
  expect(promtool('check', 'rules', join(rules, 'alerts.yaml'))).toMatchObject({ status: 0 })
  expect(promtool('test', 'rules', join(rules, 'alerts.test.yaml'))).toMatchObject({ status: 0 })
})

test('their tests see a threshold that is wrong', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'vend-alerts-'))
  try {
    const text = readFileSync(join(rules, 'alerts.yaml'), 'utf8')
    writeFileSync(join(scratch, 'alerts.yaml'), text.replace('> 900', '> 90000'))
    writeFileSync(join(scratch, 'alerts.test.yaml'), readFileSync(join(rules, 'alerts.test.yaml')))
    const { status, output } = promtool('test', 'rules', join(scratch, 'alerts.test.yaml'))
    expect(status).toBe(1)
    expect(output).toContain('VendQueueOld')
  } finally {
    rmSync(scratch, { recursive: true })
  }
})
