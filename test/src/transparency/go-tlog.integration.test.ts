import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signersFor } from '../../../src/repository/role-keys.ts'
import { noteKeyId } from '../../../src/transparency/signed-note.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn, keysIn } from '../../support/publisher.ts'

const program = resolve(import.meta.dirname, '../../support/go/read-log.go')
const packages = '/usr/share/gocode'
const go = ['/usr/lib/go/bin/go', '/usr/lib/go-1.19/bin/go', '/usr/local/go/bin/go'].find(existsSync)
const isHere = go !== undefined && existsSync(join(packages, 'src/golang.org/x/mod/sumdb/tlog'))

const directory = mkdtempSync(join(tmpdir(), 'vend-go-'))
const reader = join(directory, 'read-log')
const copy = join(directory, 'log')
let repository: LoggedRepository
let key: string

beforeAll(async () => {
  if (!isHere) return
  const env = {
    PATH: process.env['PATH'],
    GO111MODULE: 'off',
    GOPATH: packages,
    GOCACHE: join(directory, 'cache'),
  }
  execFileSync(go, ['build', '-o', reader, program], { env })
  repository = await LoggedRepository.create()
  await repository.commit([1, 2, 3], 'a')
  await repository.commit(Array.from({ length: 600 }, (_, i) => i + 4))
  await repository.commit([1000], 'b')
  const { origin } = await repository.head()
  const [signer] = signersFor(await repository.state(), repository.keys, 'snapshot')
  const publicKey = Buffer.from(signer?.key.keyVal['public'] ?? '', 'hex')
  const encoded = Buffer.concat([Uint8Array.of(1), publicKey]).toString('base64')
  key = `${origin}+${noteKeyId({ name: origin, publicKey }).toString('hex')}+${encoded}`
  for (const name of await keysIn(repository.store, 'log/')) {
    mkdirSync(join(directory, dirname(name)), { recursive: true })
    writeFileSync(join(directory, name), await bytesIn(repository.store, name))
  }
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
  if (isHere) repository[Symbol.dispose]()
})

const without = 'needs the Debian packages golang-go and golang-golang-x-mod-dev'

test.skipIf(!isHere)(
  `Go reads our checkpoint, tiles and entries, and proves all of them (${without})`,
  () => {
    expect(execFileSync(reader, ['check', copy, key, '4', '256', '604', '605']).toString()).toBe(
      '606 entries\n',
    )
  },
)

test.skipIf(!isHere)(`and it sees what was changed (${without})`, () => {
  for (const name of ['tile/0/000', 'tile/1/000.p/2', 'tile/entries/001', 'checkpoint']) {
    const path = join(copy, name)
    const bytes = readFileSync(path)
    const changed = Buffer.from(bytes)
    changed[60] = (changed[60] ?? 0) ^ 1
    writeFileSync(path, changed)
    expect(spawnSync(reader, ['check', copy, key]).status, name).not.toBe(0)
    writeFileSync(path, bytes)
  }
})

test.skipIf(!isHere)(`the vectors are what Go makes (${without})`, () => {
  const vectors = resolve(import.meta.dirname, '../../vectors/log-by-go.json')
  expect(execFileSync(reader, ['vectors']).toString()).toBe(readFileSync(vectors, 'utf8'))
})
