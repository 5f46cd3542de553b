import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TUFClient } from '@freedomofpress/tuf-browser'
import { Updater } from 'tuf-js'
import { HttpFetcher } from '../../src/client/http-fetcher.ts'
import { TrustedRepository } from '../../src/client/trusted-repository.ts'
import { maxFences } from '../../src/repository/fence.ts'
import { RotatingRepository } from './rotating-repository.ts'

// Clients that know nothing of Vend read the signed part of its repositories, from whose roots every key was rotated
// away ten times.

const rotations = 10

let repository: RotatingRepository

beforeAll(async () => {
  repository = await RotatingRepository.begin()
  await repository.publish(1)
})
afterAll(async () => repository[Symbol.asyncDispose]())

/** tuf-js as it comes, with its own fetcher. */
function updaterIn(name: string): Updater {
  const metadataDir = repository.scratch(name)
  return new Updater({
    metadataDir,
    metadataBaseUrl: `${repository.server.url}tuf/metadata`,
    targetDir: repository.scratch(`${name}-targets`),
    targetBaseUrl: `${repository.server.url}tuf/targets`,
  })
}

function begin(name: string): void {
  writeFileSync(join(repository.scratch(name), 'root.json'), repository.trustedRoot)
}

function rootIn(name: string): number {
  const root = readFileSync(join(repository.scratch(name), 'root.json'), 'utf8')
  return (JSON.parse(root) as { signed: { version: number } }).signed.version
}

async function documentOf(updater: Updater, path: string): Promise<unknown> {
  const target = await updater.getTargetInfo(path)
  if (target === undefined) return undefined
  return JSON.parse(readFileSync(await updater.downloadTarget(target), 'utf8'))
}

test('an unmodified tuf-js reads a repository through ten rotations of every key', async () => {
  begin('step by step')
  for (let i = 1; i <= rotations; i++) {
    const before = updaterIn('step by step')
    await before.refresh()
    expect(await documentOf(before, 'channels/stable.json')).toMatchObject({ version: i })
    await repository.rotate()
    const after = updaterIn('step by step')
    await after.refresh()
    expect(rootIn('step by step')).toBe(i + 1)
    expect(await documentOf(after, `releases/${i}.json`)).toMatchObject({ version: i })
    await repository.publish(i + 1)
  }
})

test('an unmodified tuf-js goes from the first root to the last at once', async () => {
  begin('at once')
  const updater = updaterIn('at once')
  await updater.refresh()
  expect(rootIn('at once')).toBe(rotations + 1)
  expect(await documentOf(updater, 'channels/stable.json')).toMatchObject({ version: rotations + 1 })
  expect(await documentOf(updater, 'releases/99.json')).toBeUndefined()
})

test('our own client goes from the first root to the last at once', async () => {
  begin('our own')
  await using fetcher = new HttpFetcher({ baseUrl: repository.server.url })
  const trusted = await TrustedRepository.refresh(repository.scratch('our own'), fetcher)
  expect(rootIn('our own')).toBe(rotations + 1)
  expect(await trusted.channel('stable')).toMatchObject({ version: rotations + 1 })
})

/** Written for browsers by the Freedom of the Press Foundation; shares no code with tuf-js. Knows no delegations. */
function browserClient(): TUFClient {
  const { url } = repository.server
  const [metadata, targets] = [`${url}tuf/metadata/`, `${url}tuf/targets/`]
  return new TUFClient(metadata, repository.trustedRoot.toString('utf8'), 'vend', targets, {
    disableCache: true,
  })
}

test('an unmodified tuf-browser goes from the first root to the last at once', async () => {
  repository.server.forget()
  const client = browserClient()
  await client.updateTUF()
  const roots = Array.from({ length: rotations + 1 }, (_, i) => `tuf/metadata/${i + 2}.root.json`)
  expect(repository.server.paths.slice(0, roots.length)).toEqual(roots)
  expect(repository.server.paths.at(-1)).toMatch(/^tuf\/metadata\/\d+\.targets\.json$/)
  // The role `targets` delegates everything, and lists nothing itself.
  expect(await client.listSignedTargets()).toEqual([])
})

test('an unmodified tuf-browser refuses what was changed on the way', async () => {
  for (const role of ['root', 'timestamp', 'snapshot', 'targets']) {
    repository.server.rewrite = (path, body) =>
      path.endsWith(`${role}.json`)
        ? Buffer.from(body.toString().replace(/"expires":"2/, '"expires":"3'))
        : body
    await expect(browserClient().updateTUF()).rejects.toThrow()
  }
  repository.server.behave()
})

test('all clients read a timestamp that was fenced as often as it may be', async () => {
  await repository.publish(rotations + 2)
  await repository.fence(maxFences)
  begin('fenced')
  const updater = updaterIn('fenced')
  await updater.refresh()
  expect(await documentOf(updater, 'channels/stable.json')).toMatchObject({ version: rotations + 2 })
  begin('our own, fenced')
  await using fetcher = new HttpFetcher({ baseUrl: repository.server.url })
  const trusted = await TrustedRepository.refresh(repository.scratch('our own, fenced'), fetcher)
  expect(await trusted.channel('stable')).toMatchObject({ version: rotations + 2 })
  await browserClient().updateTUF()
  await expect(repository.fence(1)).rejects.toMatchObject({ code: 'FENCES_USED_UP' })
})
