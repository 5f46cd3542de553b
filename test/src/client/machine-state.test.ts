import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { MachineState, type MachineSettings } from '../../../src/client/machine-state.ts'

const settings: MachineSettings = {
  format: 1,
  channel: 'stable',
  machineId: '0123456789abcdef0123456789abcdef',
  modules: ['base'],
  url: 'https://updates.example/',
}
const record = {
  format: 1 as const,
  version: 3,
  modules: [{ name: 'base', digest: digestOf(Buffer.from('x')), bytes: 1 }],
}

let directory: string
let state: MachineState

beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'vend-state-'))
  directory = join(parent, 'machine')
  state = new MachineState(directory)
  onTestFinished(() => rmSync(parent, { recursive: true }))
})

function create(): void {
  state.create(settings, Buffer.from('{}'))
}

test('a new machine has settings, a root of trust, and nothing installed', () => {
  create()
  expect(state.settings()).toEqual(settings)
  expect(readFileSync(join(directory, 'trust/root.json'), 'utf8')).toBe('{}')
  expect([state.activeSlot(), state.slot('a'), state.slot('b')]).toEqual([undefined, undefined, undefined])
})

test('a machine is made once, and has to be made', () => {
  expect(() => state.settings()).toThrow(expect.objectContaining({ code: 'MACHINE_MISSING' }))
  create()
  expect(create).toThrow(expect.objectContaining({ code: 'MACHINE_EXISTS' }))
})

test.each([
  ['an empty set of modules', { modules: [] }, /modules.*at least one/],
  ['a URL of nothing', { url: 'nonsense/' }, /url/],
  ['a URL that is no server', { url: 'file:///srv/' }, /url/],
  ['a name that is none', { channel: '../stable' }, /channel/],
  ['a module that is none', { modules: ['Base!'] }, /modules/],
])('refuses to follow %s, and stays as it is', (_, change, message) => {
  expect(() => state.create({ ...settings, ...change }, Buffer.from('{}'))).toThrow(message)
  expect(() => state.settings()).toThrow(expect.objectContaining({ code: 'MACHINE_MISSING' }))
  create()
  const wrong = expect.objectContaining({ code: 'SETTINGS_INVALID' }) as Error
  expect(() => state.saveSettings({ ...settings, ...change })).toThrow(wrong)
  expect(state.settings()).toEqual(settings)
})

test('a slot is complete or nothing', () => {
  create()
  state.openSlot('a')
  expect(state.slot('a')).toBeUndefined()
  state.completeSlot('a', record)
  expect(state.slot('a')).toEqual(record)
  state.activate('a')
  expect(state.activeSlot()).toBe('a')
  state.openSlot('b')
  state.completeSlot('b', { ...record, version: 4 })
  state.activate('b')
  expect([state.activeSlot(), state.slot('a')?.version, state.slot('b')?.version]).toEqual(['b', 3, 4])
  state.openSlot('a')
  expect(state.slot('a')).toBeUndefined()
  expect(readdirSync(directory).sort()).toEqual([
    'machine.json',
    'manifests',
    'root',
    'roots',
    'slots',
    'trust',
  ])
})

test('an interrupted switch is simply made again', () => {
  create()
  symlinkSync('roots/b', join(directory, 'root.next'))
  state.openSlot('a')
  state.activate('a')
  expect(state.activeSlot()).toBe('a')
})

test.each([
  ['no JSON', '{'],
  ['nothing', ''],
  ['another format', JSON.stringify({ ...settings, format: 2 })],
  ['a field too many', JSON.stringify({ ...settings, extra: 1 })],
  ['a field too few', JSON.stringify({ format: 1 })],
  ['not an object', '[]'],
])('settings that are %s are called damaged, with their path', (_, text) => {
  create()
  writeFileSync(join(directory, 'machine.json'), text)
  expect(() => state.settings()).toThrow(
    expect.objectContaining({
      code: 'MACHINE_INVALID',
      message: expect.stringContaining(`${directory}/machine.json is damaged`) as string,
      hint: expect.any(String) as string,
    }),
  )
})

test('a damaged slot record and a strange link are named', () => {
  create()
  writeFileSync(join(directory, 'slots/a.json'), JSON.stringify({ ...record, version: 0 }))
  expect(() => state.slot('a')).toThrow(/slots\/a\.json is damaged/)
  symlinkSync('/elsewhere', join(directory, 'root'))
  expect(() => state.activeSlot()).toThrow(/points to \/elsewhere/)
})
