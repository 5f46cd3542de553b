import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf, hexOf } from '../../../../manifests/digest.ts'
import { encodeChunk } from '../../../../src/chunking/chunk-codec.ts'
import { frameHead, writeDigests } from '../../../../src/remote/chunk-frames.ts'
import { chunkKey, manifestKey, sketchesKey } from '../../../../src/repository/layout.ts'
import { counterStream } from '../../../support/byte-recipes.ts'
import { bytesIn, Publisher } from '../../../support/publisher.ts'
import { readToEnd } from '../served.ts'
import { framed, PublishingWorld, type Answered } from './publishing-world.ts'

let world: PublishingWorld

beforeAll(async () => {
  world = await PublishingWorld.create()
})

afterAll(async () => world[Symbol.asyncDispose]())

async function sendChunks(
  body: Buffer,
  { token, query = '' }: { token?: string; query?: string } = {},
): Promise<Answered> {
  return world.send({ method: 'POST', path: `/v1/chunks${query}`, body, token })
}

/** Nothing of it may be stored. */
async function refused(body: Buffer, code: string): Promise<void> {
  const before = await world.contents()
  expect(await sendChunks(body)).toMatchObject({ code })
  expect(await world.contents()).toEqual(before)
}

test('chunks are stored as they were sent, and those that are there stay as they are', async () => {
  const [one, two] = [randomBytes(1 << 20), Buffer.from('two')]
  const missing = {
    method: 'POST',
    path: '/v1/chunks/missing',
    body: writeDigests([digestOf(one), digestOf(two)]),
  }
  expect((await world.send(missing)).body).toEqual(writeDigests([digestOf(one), digestOf(two)]))
  expect((await sendChunks(framed(two))).json).toEqual({
    stored: 1,
    storedBytes: encodeChunk(two).length,
    present: 0,
  })
  expect((await world.send(missing)).body).toEqual(writeDigests([digestOf(one)]))
  const other = encodeChunk(two, 19)
  expect(
    (await sendChunks(Buffer.concat([framed(one), framed(two, Buffer.concat([other]))]))).json,
  ).toMatchObject({
    stored: 1,
    present: 1,
  })
  expect(await bytesIn(world.store, chunkKey(digestOf(one)))).toEqual(Buffer.from(encodeChunk(one)))
  const list = await world.send({ method: 'GET', path: '/v1/chunks' })
  const digests = [digestOf(one), digestOf(two)].sort()
  expect(list.body).toEqual(Buffer.concat([writeDigests(digests), Buffer.alloc(32)]))
  const rest = await world.send({
    method: 'GET',
    path: `/v1/chunks?after=${hexOf(digests[0] ?? digestOf(one))}`,
  })
  expect(rest.body).toEqual(Buffer.concat([writeDigests(digests.slice(1)), Buffer.alloc(32)]))
})

test('what comes before a bad chunk is stored, and nothing after it', async () => {
  const [good, after] = [Buffer.from('good one'), Buffer.from('after')]
  const bad = Buffer.concat([
    frameHead({ digest: digestOf(good), stored: encodeChunk(after) }),
    encodeChunk(after),
  ])
  expect(await sendChunks(Buffer.concat([framed(good), bad]))).toMatchObject({
    status: 422,
    code: 'CHUNK_REFUSED',
  })
  expect(await world.store.stat(chunkKey(digestOf(good)))).toBeDefined()
  expect(await world.store.stat(chunkKey(digestOf(after)))).toBeUndefined()
})

test('bytes under the digest of others are refused', async () => {
  await refused(
    Buffer.concat([
      frameHead({ digest: digestOf(Buffer.from('a')), stored: encodeChunk(Buffer.from('b')) }),
      encodeChunk(Buffer.from('b')),
    ]),
    'CHUNK_REFUSED',
  )
})

test('a body that ends inside a frame is refused', async () => {
  const whole = framed(Buffer.from('cut off'))
  await refused(whole.subarray(0, -1), 'FRAME_INVALID')
  await refused(whole.subarray(0, 20), 'FRAME_INVALID')
})

test('a frame longer than a chunk can be is refused before it is read', async () => {
  const head = Buffer.concat([randomBytes(32), Buffer.from([0, 0, 0, 0x7f])])
  await refused(Buffer.concat([head, randomBytes(100)]), 'FRAME_INVALID')
})

test('bombs are refused: what says that it holds more than a chunk, what holds more than it says, and what does not say', async () => {
  const large = Buffer.alloc(64 << 20)
  await refused(framed(large, zstdCompressSync(large)), 'CHUNK_REFUSED')
  const lying = Buffer.from(zstdCompressSync(large))
  // The content size stands in four bytes behind descriptor and window.
  lying.writeUInt32LE(1000, 6)
  await refused(framed(large.subarray(0, 1000), lying), 'CHUNK_REFUSED')
  const small = Buffer.from('small')
  await refused(framed(small, Buffer.concat([encodeChunk(small), encodeChunk(small)])), 'CHUNK_REFUSED')
  await refused(framed(small, Buffer.from('28b52ffd0058290000736d616c6c', 'hex')), 'CHUNK_REFUSED')
  await refused(framed(small, Buffer.from('not zstd at all')), 'CHUNK_REFUSED')
})

test('a body without an end, or longer than is taken, is not read at all', async () => {
  const head = `POST /v1/chunks HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${world.token}\r\n`
  expect(await world.served.raw(`${head}Transfer-Encoding: chunked\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 400 .*REQUEST_INVALID/s,
  )
  expect(await world.served.raw(`${head}Content-Length: 99999999999\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 413 .*BODY_TOO_LARGE/s,
  )
})

test('who asks first whether a body is wanted is told so only when it is', async () => {
  const plain = Buffer.from('asked first')
  const body = framed(plain)
  const ask = (token: string): string =>
    `POST /v1/chunks HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\nAuthorization: Bearer ${token}\r\n\r\n`
  const refusal = await world.served.raw(ask('vend_none'))
  expect(refusal).toMatch(/^HTTP\/1.1 401 /)
  const socket = world.served.connect()
  const said = readToEnd(socket)
  socket.write(ask(world.token))
  await once(socket, 'data')
  socket.write(body)
  expect(await said).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /)
  expect(await world.store.stat(chunkKey(digestOf(plain)))).toBeDefined()
})

test('an upload that stands still is cut, and what had arrived of it is stored', async () => {
  await using impatient = await PublishingWorld.create({ limits: { idleResponseTimeoutMs: 300 } })
  const [whole, half] = [Buffer.from('arrived'), Buffer.from('half arrived')]
  const body = Buffer.concat([framed(whole), framed(half)])
  const socket = impatient.served.connect()
  const said = readToEnd(socket)
  socket.write(
    `POST /v1/chunks HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\nAuthorization: Bearer ${impatient.token}\r\n\r\n`,
  )
  socket.write(body.subarray(0, -5))
  expect(await said).toMatch(/^HTTP\/1.1 408 .*UPLOAD_TOO_SLOW/s)
  expect(await impatient.store.stat(chunkKey(digestOf(whole)))).toBeDefined()
  expect(await impatient.store.stat(chunkKey(digestOf(half)))).toBeUndefined()
})

test('a cut connection loses only the tail', async () => {
  const [whole, half] = [Buffer.from('before the cut'), Buffer.from('at the cut')]
  const body = Buffer.concat([framed(whole), framed(half)])
  const socket = world.served.connect()
  socket.on('error', () => undefined)
  socket.write(
    `POST /v1/chunks HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\nAuthorization: Bearer ${world.token}\r\n\r\n`,
  )
  socket.write(body.subarray(0, -5), () => setTimeout(() => socket.resetAndDestroy(), 20))
  await expect.poll(async () => world.store.stat(chunkKey(digestOf(whole)))).toBeDefined()
  expect(await world.store.stat(chunkKey(digestOf(half)))).toBeUndefined()
  expect(world.served.log.filter(({ msg }) => msg === 'request failed')).toEqual([])
})

test('who may publish may not mend; who may operate, too, writes verified chunks anew', async () => {
  const plain = counterStream('mended', 10_000)
  const key = chunkKey(digestOf(plain))
  await world.store.put(key, Buffer.from('damaged'))
  expect((await sendChunks(framed(plain))).json).toMatchObject({ present: 1 })
  expect(await sendChunks(framed(plain), { query: '?mend=yes' })).toMatchObject({
    status: 403,
    code: 'FORBIDDEN',
  })
  expect(await bytesIn(world.store, key)).toEqual(Buffer.from('damaged'))
  const token = await world.tokenFor(['*'], ['*'], { may: 'operate' })
  expect((await sendChunks(framed(plain), { query: '?mend=yes', token })).json).toMatchObject({ stored: 1 })
  expect(await bytesIn(world.store, key)).toEqual(Buffer.from(encodeChunk(plain)))
})

test('questions are digests, and not more than are taken', async () => {
  const ask = async (body: Buffer): Promise<Answered> =>
    world.send({ method: 'POST', path: '/v1/chunks/missing', body })
  expect(await ask(Buffer.alloc(33))).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
  expect(await ask(Buffer.alloc(32 * 20_001))).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
})

/** A manifest as it is stored, made by publishing elsewhere. */
async function someManifest(): Promise<{
  readonly hex: string
  readonly stored: Buffer
  readonly sketches: Buffer
}> {
  using publisher = await Publisher.create()
  publisher.tree('m').file('a', randomBytes(100_000)).file('b', 'b')
  const { release } = await publisher.publish(1, ['m'])
  const digest = release.modules['m']?.manifest.digest ?? digestOf(Buffer.alloc(0))
  return {
    hex: hexOf(digest),
    stored: await bytesIn(publisher.store, manifestKey(digest)),
    sketches: await bytesIn(publisher.store, sketchesKey(digest)),
  }
}

test('a manifest is stored when its digest and every line of it are right', async () => {
  const { hex, stored } = await someManifest()
  const put = async (body: Buffer, name = hex): Promise<Answered> =>
    world.send({ method: 'PUT', path: `/v1/manifests/${name}`, body })
  const before = await world.contents()
  expect(await put(stored, '0'.repeat(64))).toMatchObject({ status: 422, code: 'MANIFEST_REFUSED' })
  expect(await put(stored.subarray(0, -3))).toMatchObject({ status: 422, code: 'MANIFEST_REFUSED' })
  const garbage = Buffer.from('{"format":1}\n')
  expect(await put(zstdCompressSync(garbage), hexOf(digestOf(garbage)))).toMatchObject({
    code: 'MANIFEST_REFUSED',
  })
  expect(await world.contents()).toEqual(before)
  expect((await put(stored)).json).toEqual({ stored: true })
  expect((await put(stored)).json).toEqual({ stored: false })
  expect(await world.store.stat(`manifests/${hex}.ndjson.zst`)).toBeDefined()
})

test('sketches are taken for what they look like, read by publishers alone, and not replaced', async () => {
  const { hex, sketches } = await someManifest()
  const path = `/v1/sketches/${hex}`
  expect(
    await world.send({ method: 'PUT', path, body: zstdCompressSync(Buffer.from('no sketches')) }),
  ).toMatchObject({
    status: 422,
    code: 'SKETCHES_REFUSED',
  })
  expect(await world.send({ method: 'GET', path })).toMatchObject({ status: 404 })
  expect((await world.send({ method: 'PUT', path, body: sketches })).json).toEqual({ stored: true })
  expect((await world.send({ method: 'PUT', path, body: sketches })).json).toEqual({ stored: false })
  expect((await world.send({ method: 'GET', path })).body).toEqual(sketches)
  expect(await world.send({ method: 'GET', path, token: '' })).toMatchObject({ status: 401 })
})

test('other methods, paths and parameters are refused', async () => {
  expect(await world.send({ method: 'PATCH', path: '/v1/chunks', body: Buffer.from('x') })).toMatchObject({
    status: 405,
    headers: { allow: 'GET, HEAD, POST' },
  })
  expect(
    await world.send({ method: 'PUT', path: '/v1/manifests/../x', body: Buffer.from('x') }),
  ).toMatchObject({ status: 404 })
  expect(await world.send({ method: 'GET', path: '/v1/chunks?mend=yes' })).toMatchObject({ status: 400 })
  expect(await world.send({ method: 'GET', path: '/v1/publishes', body: Buffer.from('x') })).toMatchObject({
    code: 'BODY_UNEXPECTED',
  })
})

test('a quota ends an upload', async () => {
  const { makeToken } = await import('../access/test-tokens.ts')
  const { text } = await makeToken(world.store, [{ may: 'publish', modules: ['*'], channels: [] }], {
    limits: { bytesPerDay: 1000 },
  })
  expect(await sendChunks(framed(randomBytes(5000)), { token: text })).toMatchObject({
    status: 429,
    code: 'QUOTA_EXCEEDED',
  })
})
