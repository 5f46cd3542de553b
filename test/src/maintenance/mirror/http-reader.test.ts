import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { HttpReader } from '../../../../src/maintenance/mirror/http-reader.ts'
import { FileServer, type ServedRequest, type ServerFault } from '../../../support/file-server.ts'
import { noise } from '../../../support/tree-recipe.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-http-reader-'))
const body = noise(1, 200_000)
const agent = new Agent({ headersTimeout: 500, bodyTimeout: 500 })
let server: FileServer
let reader: HttpReader

beforeAll(async () => {
  mkdirSync(join(directory, 'a'))
  writeFileSync(join(directory, 'a/object'), body)
  writeFileSync(join(directory, 'a/empty'), '')
  server = await FileServer.start(directory)
  reader = readerOf(server.url)
})
afterEach(() => {
  server.behave()
  server.forget()
})
afterAll(async () => {
  await agent.destroy()
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

function readerOf(baseUrl: string): HttpReader {
  const backoff = { attempts: 3, sleep: async () => undefined }
  return new HttpReader({ baseUrl, dispatcherOf: () => agent, backoff, patienceMs: 300 })
}

async function read(key: string, range?: { start: number; end: number }): Promise<Buffer> {
  const { stream } = await reader.get(key, range === undefined ? {} : { range })
  return Buffer.concat((await stream.toArray()) as Uint8Array[])
}

function first(fault: ServerFault): (request: ServedRequest) => ServerFault | undefined {
  return ({ index }) => (index === 1 ? fault : undefined)
}

test('objects, parts of them, and what is not there', async () => {
  expect((await read('a/object')).equals(body)).toBe(true)
  expect((await read('a/object', { start: 1000, end: 1010 })).equals(body.subarray(1000, 1010))).toBe(true)
  expect(await read('a/empty')).toHaveLength(0)
  expect(await reader.stat('a/object')).toMatchObject({ key: 'a/object', bytes: 200_000 })
  expect(await reader.stat('a/none')).toBeUndefined()
  await expect(reader.get('a/none')).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' })
})

test.each<[string, ServerFault]>([
  ['a connection that is cut', { kind: 'cut', after: 70_000 }],
  ['an error of the server', { kind: 'status', status: 503 }],
  ['silence', { kind: 'silence' }],
  ['another protocol', { kind: 'babble' }],
])('%s is got over', async (_, fault) => {
  server.fault = first(fault)
  expect((await read('a/object')).equals(body)).toBe(true)
})

test('a body that was cut goes on where it ended', async () => {
  server.fault = first({ kind: 'cut', after: 70_000 })
  await read('a/object')
  expect(server.requests[1]?.range).toMatch(/^bytes=\d{5}-199999$/)
})

test('a server that knows no ranges gives them all the same', async () => {
  server.fault = () => ({ kind: 'no-range' })
  expect((await read('a/object', { start: 5, end: 9 })).equals(body.subarray(5, 9))).toBe(true)
})

test.each<[string, ServerFault, RegExp]>([
  ['a body without an end', { kind: 'endless' }, /more than 5000000 bytes/],
  ['one byte now and then', { kind: 'drip', everyMs: 40 }, /too slowly/],
  ['a refusal', { kind: 'status', status: 418 }, /status 418/],
  [
    'a body in an encoding',
    { kind: 'status', status: 200, headers: { 'content-encoding': 'br' } },
    /encoding br/,
  ],
])('%s is given up', async (_, fault, message) => {
  server.fault = () => fault
  await expect(read('a/object')).rejects.toThrow(message)
})

test('another range than the one asked for is refused', async () => {
  server.fault = () => ({ kind: 'wrong-range' })
  await expect(read('a/object', { start: 1000, end: Infinity })).rejects.toThrow('another range')
})

test('where a server sends on is followed, and not for ever', async () => {
  server.fault = ({ path }) =>
    path === 'elsewhere'
      ? { kind: 'status', status: 302, headers: { location: `${server.url}a/object` } }
      : path === 'round'
        ? { kind: 'status', status: 302, headers: { location: `${server.url}round` } }
        : undefined
  expect((await read('elsewhere')).equals(body)).toBe(true)
  await expect(read('round')).rejects.toThrow('status 302')
})

test('it cannot be listed', async () => {
  await expect(Array.fromAsync(reader.list('a/'))).rejects.toThrow('cannot be listed')
})

test('an abort ends it with the reason', async () => {
  const reason = new Error('enough')
  await expect(reader.get('a/object', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
