import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  BlobNotFoundError,
  RangeOutsideBlobError,
  StoreDeniedError,
  StoreFullError,
  StoreUnavailableError,
} from '../../storage/errors.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { contentOf, keysIn, text } from './blob-content.ts'

let root: string
let store: FilesystemStore

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vend-store-'))
  store = new FilesystemStore(root)
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

const temporaryFiles = async (): Promise<string[]> => readdir(join(root, 'private/tmp'))

describe('the directory', () => {
  test('holds each blob as a file that others may read, and nothing else in the way', async () => {
    await store.put('chunks/ab/cd.x', text('hello'))
    await store.create('top', text('x'))
    expect(await readFile(join(root, 'chunks/ab/cd.x'), 'utf8')).toBe('hello')
    expect((await stat(join(root, 'chunks/ab/cd.x'))).mode & 0o777).toBe(0o644 & ~process.umask())
    expect((await readdir(root)).toSorted()).toEqual(['chunks', 'private', 'top'])
    expect(await temporaryFiles()).toEqual([])
    expect(store.name).toBe(`file:${root}`)
  })

  test('may hold what is no blob: it is neither listed nor followed', async () => {
    await writeFile(join(root, 'not a key'), 'x')
    await mkdir(join(root, 'lost+found'))
    await mkdir(join(root, 'empty'))
    await writeFile(join(root, 'blob'), 'made by hand')
    await symlink('/etc/hostname', join(root, 'link'))
    await symlink('/etc', join(root, 'elsewhere'))
    expect(await keysIn(store, '')).toEqual(['blob'])
    expect((await contentOf(store, 'blob')).toString()).toBe('made by hand')
    await expect(store.stat('link')).rejects.toThrow(StoreUnavailableError)
    await expect(store.get('link')).rejects.toThrow(/symbolic link/)
  })

  test('says clearly where a blob and a directory want one place', async () => {
    await store.put('a', text('x'))
    await store.put('d/e', text('x'))
    await expect(store.put('a/b', text('y'))).rejects.toThrow(/is a file where a directory is needed/)
    await expect(store.create('a/b/c', text('y'))).rejects.toThrow(StoreUnavailableError)
    await expect(store.put('d', text('y'))).rejects.toThrow(/is a directory: other blobs lie below it/)
    await expect(store.create('d', text('y'))).rejects.toThrow(/is a directory: other blobs lie below it/)
    expect(await keysIn(store, '')).toEqual(['a', 'd/e'])
    expect(await temporaryFiles()).toEqual([])
  })

  test('may vanish while the store is open', async () => {
    await store.put('a/b', text('x'))
    await rm(join(root, 'a'), { recursive: true })
    await store.put('a/b', text('y'))
    await rm(join(root, 'private'), { recursive: true })
    await store.create('a/c', text('z'))
    await rm(join(root, 'private'), { recursive: true })
    await store.delete('a/b')
    expect(await keysIn(store, '')).toEqual(['a/c'])
  })

  test('is cleared of what killed writers left, but not of what may still be written', async () => {
    await mkdir(join(root, 'private/tmp'), { recursive: true })
    await writeFile(join(root, 'private/tmp/1-old'), 'x')
    await writeFile(join(root, 'private/tmp/2-new'), 'x')
    const longAgo = Date.now() / 1000 - 100
    await utimes(join(root, 'private/tmp/1-old'), longAgo, longAgo)
    await new FilesystemStore(root, { staleAfterMs: 60_000 }).put('a', text('x'))
    expect(await temporaryFiles()).toEqual(['2-new'])
  })
})

describe('etags', () => {
  test('differ also when the clock was set back', async () => {
    await store.put('k', text('a'))
    const tomorrow = Date.now() / 1000 + 86_400
    await utimes(join(root, 'k'), tomorrow, tomorrow)
    let before = await stat(join(root, 'k'), { bigint: true })
    for (const body of ['b', 'c']) {
      const { etag = '' } = (await store.stat('k')) ?? {}
      const written = await store.replace('k', text(body), etag)
      const after = await stat(join(root, 'k'), { bigint: true })
      expect(after.mtimeNs).toBeGreaterThan(before.mtimeNs)
      expect(written.etag).not.toBe(etag)
      expect((await store.stat('k'))?.etag).toBe(written.etag)
      before = after
    }
    await store.put('k', text('d'))
    expect((await stat(join(root, 'k'), { bigint: true })).mtimeNs).toBeGreaterThan(before.mtimeNs)
  })
})

describe('reading', () => {
  test('fails when the file is cut short meanwhile', async () => {
    await store.put('k', randomBytes(3_000_000))
    const { stream } = await store.get('k')
    await truncate(join(root, 'k'), 1_000_000)
    await expect(stream.toArray()).rejects.toThrow(/ends 2000000 bytes too early/)
  })

  test('closes its file also when the body is never read', async () => {
    await store.put('k', randomBytes(100))
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length
    const before = await openFiles()
    for (let round = 0; round < 20; round += 1) {
      const { stream } = await store.get('k')
      const closed = new Promise((resolve) => void stream.once('close', resolve))
      stream.destroy()
      await closed
      await expect(store.get('k', { range: { start: 100, end: 101 } })).rejects.toThrow(RangeOutsideBlobError)
      await expect(store.get('private')).rejects.toThrow(BlobNotFoundError)
    }
    expect(await openFiles()).toBeLessThan(before + 10)
  })
})

const isRoot = process.getuid?.() === 0

describe('a place that cannot be written', () => {
  test('denies every write and still answers reads', async ({ annotate }) => {
    await annotate(isRoot ? 'a file system mounted read-only' : 'a directory without permission')
    const inner = join(root, 'inner')
    await mkdir(inner)
    if (isRoot) mount(inner, 'size=4m')
    try {
      const readOnly = new FilesystemStore(inner)
      const { etag } = await readOnly.put('k', text('old'))
      if (isRoot) mount(inner, 'remount,ro')
      else await chmod(join(inner, 'private/tmp'), 0o555)
      for (const opened of [readOnly, new FilesystemStore(inner)]) {
        await expect(opened.put('k', text('new'))).rejects.toThrow(StoreDeniedError)
        await expect(opened.create('n', text('new'))).rejects.toThrow(StoreDeniedError)
        await expect(opened.replace('k', text('new'), etag)).rejects.toThrow(StoreDeniedError)
        if (isRoot) await expect(opened.delete('k')).rejects.toThrow(StoreDeniedError)
        expect(await keysIn(opened, '')).toEqual(['k'])
        expect((await contentOf(opened, 'k')).toString()).toBe('old')
      }
    } finally {
      if (isRoot) execFileSync('umount', [inner])
      else await chmod(join(inner, 'private/tmp'), 0o755)
    }
  })

  test('is full: says so, leaves nothing behind, and works again when there is room', async ({ skip }) => {
    skip(!isRoot, 'needs root, to mount a file system of 1 MiB')
    const inner = join(root, 'inner')
    await mkdir(inner)
    mount(inner, 'size=1m')
    try {
      const small = new FilesystemStore(inner)
      await small.put('old', randomBytes(300_000))
      const body = randomBytes(2_000_000)
      await expect(small.put('old', body)).rejects.toThrow(StoreFullError)
      await expect(small.create('new', body)).rejects.toThrow(StoreFullError)
      expect(await readdir(join(inner, 'private/tmp'))).toEqual([])
      expect(await Array.fromAsync(small.list(''), ({ key, bytes }) => [key, bytes])).toEqual([
        ['old', 300_000],
      ])
      await small.create('new', randomBytes(300_000))
    } finally {
      execFileSync('umount', [inner])
    }
  })
})

function mount(directory: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
}
