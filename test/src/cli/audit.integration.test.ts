import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkpointText, parseCheckpoint } from '../../../src/transparency/checkpoint.ts'
import { signNote } from '../../../src/transparency/signed-note.ts'
import type { Scenario } from '../../support/scenario.ts'
import { clientWorld, CommandLine } from './client-world.ts'
import { vendHere } from './vend-here.ts'

let world: Scenario
let copy: string

beforeAll(async () => {
  world = await clientWorld()
  copy = join(world.directory, 'copy')
  cpSync(world.repository, copy, { recursive: true })
  await world.release(11, { base: (tree) => tree.file('etc/conf', 'b') }, { context: { threads: 1 } })
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function audit(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string }> {
  const env = { VEND_STORE: `file:${world.repository}`, VEND_KEYS: world.keys.directory }
  const { code, stdout, stderr } = await vendHere(['audit', ...args], env)
  expect(stderr).toBe('')
  return { code, stdout }
}

test('vend audit says that the log is whole, alone and with a copy in a directory or behind a URL', async () => {
  expect(await audit()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('The log is whole, and says what the repository has.') as unknown,
  })
  const { url } = await world.serve()
  for (const [place, copyEntries] of [
    [copy, 2],
    [url, 4],
  ] as const) {
    const { code, stdout } = await audit('--copy', place, '--json')
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ entries: 4, copyEntries, findings: [] }),
    ])
  }
})

test('vend audit names what is wrong and ends with 9', async () => {
  const path = join(world.repository, 'log/tile/entries/000.p/4')
  const bytes = readFileSync(path)
  writeFileSync(path, Buffer.from(bytes.toString('latin1').replace('releases/10', 'releases/12'), 'latin1'))
  const { code, stdout } = await audit()
  expect(code).toBe(9)
  expect(stdout).toContain('log/tile/entries/000.p/4 entry 0 is not the one that log/tile/0/000.p/4 has')
  expect(stdout).toMatch(/\d findings\./)
  writeFileSync(path, bytes)
  expect((await audit('--copy', join(world.directory, 'nowhere'))).stdout).toContain(
    'nowhere: checkpoint is missing',
  )
})

test('a copy of somebody hostile holds the audit for no longer than it must', async () => {
  const hostile = join(world.directory, 'hostile')
  cpSync(copy, hostile, { recursive: true })
  const bundle = join(hostile, 'log/tile/entries/000.p/2')
  rmSync(bundle)
  execFileSync('mkfifo', [bundle])
  const fifo = await audit('--copy', hostile)
  expect(fifo).toMatchObject({ code: 9 })
  expect(fifo.stdout).toContain('is no file')
  // Whoever has a key of snapshots signs any size.
  const [key] = world.keys.signers('snapshot')
  if (key === undefined) throw new TypeError('the world has a key of snapshots')
  const checkpoint = parseCheckpoint(readFileSync(join(copy, 'log/checkpoint')))
  if (checkpoint === undefined) throw new TypeError('the copy has a checkpoint')
  const head = { ...checkpoint.head, size: Number.MAX_SAFE_INTEGER }
  const note = await signNote(checkpointText(head), [
    {
      name: head.origin,
      publicKey: Buffer.from(String(key.key.keyVal['public']), 'hex'),
      sign: async (text) => Buffer.from((await key.sign(text)).sig, 'hex'),
    },
  ])
  writeFileSync(join(hostile, 'log/checkpoint'), note)
  const endless = await audit('--copy', hostile)
  expect(endless).toMatchObject({ code: 9 })
  expect(endless.stdout).toMatch(/the log was read to entry \d+ of 9007199254740991 only/)
})

test('vend-client audit says what was proved', async () => {
  const machine = new CommandLine(world)
  await machine.init()
  await machine.text(0, 'update')
  expect(await machine.text(0, 'audit')).toContain(
    'This machine was shown one history, and its release 11 is entry 2 of it.',
  )
  expect(await machine.json(0, 'audit')).toMatchObject({
    entries: 4,
    provedHeads: [4],
    release: 11,
    entry: 2,
  })
})
