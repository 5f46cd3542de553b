import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonOf, outcomeOf, startVend, vend, type Outcome } from './vend-process.ts'

let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-serve-reports-'))
  mkdirSync(join(directory, 'tree'))
  writeFileSync(join(directory, 'tree/file'), 'x')
  for (const args of [['init'], ['publish', 'base=tree', '--release', '1']]) {
    expect(await vend(args, { cwd: directory })).toMatchObject({ code: 0 })
  }
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface FrontEnd {
  readonly url: string
  readonly end: (signal: NodeJS.Signals) => Promise<Outcome>
}

async function serve(): Promise<FrontEnd> {
  const child = startVend(['serve', '--listen', '0', '--reports', 'yes'], { cwd: directory })
  const outcome = outcomeOf(child)
  const end = async (signal: NodeJS.Signals): Promise<Outcome> => {
    child.kill(signal)
    return outcome
  }
  for (let text = ''; ;) {
    text += String((await once(child.stderr, 'data'))[0])
    const url = /vend: serving .* on (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) return { url, end }
  }
}

async function send({ url }: FrontEnd, machine: number, ending: object): Promise<void> {
  const id = machine.toString(16).padStart(12, '0').padEnd(32, '0')
  const answer = await fetch(`${url}/v1/reports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'stable', id, from: null, to: 1, ...ending }),
  })
  expect(answer.status).toBe(204)
}

const ok = { phase: 'switch', outcome: 'ok' }
const failed = { phase: 'build', outcome: 'failed', code: 'TREE_FULL' }

test('front ends on one store count together, and one that is killed takes none of the others with it', async () => {
  const [one, two, killed] = await Promise.all([serve(), serve(), serve()])
  for (let machine = 0; machine < 30; machine++) await send(machine % 2 === 0 ? one : two, machine, ok)
  // Once each, and what is ok stays ok, whoever heard it.
  for (let machine = 0; machine < 40; machine++) await send(machine % 3 === 0 ? one : two, machine, failed)
  await send(killed, 99, failed)
  await killed.end('SIGKILL')
  const ends = await Promise.all([one.end('SIGTERM'), two.end('SIGTERM')])
  for (const { code, stderr } of ends) {
    expect(code).toBe(0)
    const lines = stderr.split('\n').filter((line) => line.includes('/v1/reports'))
    expect(lines.length).toBeGreaterThan(10)
    expect(lines.join('\n')).not.toMatch(/remote|127\.0\.0\.1/)
  }
  const status = jsonOf(await vend(['channel', 'status', 'stable', '--json'], { cwd: directory }))
  expect(status).toMatchObject({
    moved: 30,
    known: 40,
    current: {
      succeeded: 30,
      failed: 10,
      outcomes: [
        { phase: 'build', outcome: 'failed', code: 'TREE_FULL', machines: 10 },
        { phase: 'switch', outcome: 'ok', machines: 30 },
      ],
    },
  })
})
