import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRemoteStore, remoteBase, type OpenRemoteOptions } from '../../../src/remote/open-remote-store.ts'
import type { RemoteStore } from '../../../src/remote/remote-store.ts'

/** A store at a server that answers as it is told. */
async function at(
  answer: RequestListener,
  options: Partial<OpenRemoteOptions> = {},
): Promise<AsyncDisposable & { readonly remote: RemoteStore }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const remote = openRemoteStore(url, { token: 'secret', backoff: { baseDelayMs: 1 }, ...options })
  return {
    remote,
    [Symbol.asyncDispose]: async () => {
      await remote[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

test('a server that is busy is asked again, not before it said', async () => {
  const asked: number[] = []
  await using made = await at((req, res) => {
    asked.push(performance.now())
    req.resume()
    if (asked.length === 1) res.writeHead(503, { 'Retry-After': '1' }).end()
    else if (asked.length === 2) req.socket.destroy()
    else if (asked.length === 3) res.writeHead(429).end()
    else res.writeHead(200, { 'Content-Length': 3, ETag: '"e"' }).end()
  })
  expect(await made.remote.stat('chunks/0000/x.cacnk')).toMatchObject({ bytes: 3, etag: 'e' })
  expect(asked).toHaveLength(4)
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThan(990)
})

test('a body that breaks off goes on where it was', async () => {
  const ranges: (string | undefined)[] = []
  const whole = Buffer.from('0123456789')
  await using made = await at((req, res) => {
    ranges.push(req.headers.range)
    const start = Number(/bytes=(\d+)/.exec(req.headers.range ?? '')?.[1] ?? 0)
    const headers = { ETag: '"e"', 'Content-Length': whole.length - start }
    if (start > 0) res.writeHead(206, { ...headers, 'Content-Range': `bytes ${start}-9/10` })
    else res.writeHead(200, headers)
    res.write(whole.subarray(start, start + 4))
    if (start + 4 < whole.length) setTimeout(() => res.destroy(), 20)
    else res.end()
  })
  const { stream } = await made.remote.get('manifests/x.ndjson.zst')
  expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe('0123456789')
  expect(ranges).toEqual([undefined, 'bytes=4-9', 'bytes=8-9'])
})

test('a token is shown where one is needed, and nowhere else, not after a redirect either', async () => {
  const shown: (string | undefined)[] = []
  await using made = await at((req, res) => {
    shown.push(`${req.url} ${req.headers.authorization}`)
    if (req.url === '/chunks/a') res.writeHead(307, { Location: '/elsewhere' }).end()
    else res.writeHead(200, { 'Content-Length': 0 }).end()
  })
  await made.remote.stat('chunks/a')
  await made.remote.stat(`private/sketches/${'0'.repeat(64)}.zst`)
  expect(shown).toEqual([
    '/chunks/a undefined',
    '/elsewhere undefined',
    `/v1/sketches/${'0'.repeat(64)} Bearer secret`,
  ])
})

test('a token file is read again when its token is refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vend-token-'))
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'old\n')
  try {
    await using made = await at(
      (req, res) => {
        writeFileSync(tokenFile, 'new\n')
        if (req.headers.authorization === 'Bearer new') res.end('{"publishes":[]}')
        else res.writeHead(401).end()
      },
      { token: undefined, tokenFile },
    )
    expect(await Array.fromAsync(made.remote.list('private/publishes/'))).toEqual([])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a server that is none of ours, or takes no publishes, is told of', async () => {
  const problem =
    (code: string, status: number): RequestListener =>
    (_req, res) =>
      res
        .writeHead(status, { 'Content-Type': 'application/problem+json' })
        .end(JSON.stringify({ code, detail: 'd' }))
  for (const answer of [problem('ROUTE_UNKNOWN', 404), problem('BODY_UNEXPECTED', 400)]) {
    await using made = await at(answer)
    await expect(Array.fromAsync(made.remote.list('private/publishes/'))).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      hint: expect.stringContaining('--publishing yes') as string,
    })
  }
  await using page = await at((_req, res) => res.end('<html>'))
  await expect(Array.fromAsync(page.remote.list('private/publishes/'))).rejects.toMatchObject({
    code: 'SERVER_REFUSED',
  })
})

test('a token is not sent where anyone can read it', () => {
  expect(remoteBase('https://host/sub')).toBe('https://host/sub/')
  expect(remoteBase('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080/')
  for (const text of ['http://host/', 'https://user@host/', 'https://host/?a', 'ftp://host/', 'host']) {
    expect(() => remoteBase(text)).toThrow(RangeError)
  }
})
