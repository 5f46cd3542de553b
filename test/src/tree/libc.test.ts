import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeDevice,
  encodeDevice,
  exchangePaths,
  getXattr,
  listXattrs,
  makeNode,
  removeXattr,
  setMtime,
  setXattr,
  SystemCallError,
  syncFileSystem,
} from '../../../src/tree/libc.ts'
import { mtimeFromNanos } from '../../../src/tree/read-entry.ts'
import { scratchDirectory } from './scratch-directory.ts'

function bytes(text: string): Buffer {
  return Buffer.from(text)
}

function fileIn(directory = scratchDirectory(), name = 'file'): Buffer {
  writeFileSync(directory.in(name), name)
  return bytes(directory.in(name))
}

describe('extended attributes', () => {
  it('are set, listed, read, replaced and removed', () => {
    const file = fileIn()
    expect(listXattrs(file)).toEqual([])
    setXattr(file, bytes('user.a'), bytes('one'))
    setXattr(file, bytes('user.a'), bytes('two'))
    setXattr(file, bytes('user.b'), new Uint8Array(0))
    expect(listXattrs(file).map(String).sort()).toEqual(['user.a', 'user.b'])
    expect(getXattr(file, bytes('user.a')).toString()).toBe('two')
    expect(getXattr(file, bytes('user.b')).byteLength).toBe(0)
    removeXattr(file, bytes('user.a'))
    expect(listXattrs(file).map(String)).toEqual(['user.b'])
  })

  it('may be longer than a first guess, and many', () => {
    const file = fileIn()
    const value = Buffer.alloc(2000, 'v')
    setXattr(file, bytes('user.long'), value)
    expect(Buffer.compare(getXattr(file, bytes('user.long')), value)).toBe(0)
    const names = Array.from({ length: 30 }, (_, i) => `user.a-rather-long-name-${i}`)
    for (const name of names) setXattr(file, bytes(name), new Uint8Array(0))
    expect(listXattrs(file).map(String).sort()).toEqual([...names, 'user.long'].sort())
  })

  it('fail with the codes of node:fs', () => {
    const directory = scratchDirectory()
    const file = fileIn(directory)
    expect(() => getXattr(file, bytes('user.none'))).toThrow(expect.objectContaining({ code: 'ENODATA' }))
    expect(() => removeXattr(file, bytes('user.none'))).toThrow(SystemCallError)
    expect(() => listXattrs(bytes(directory.in('none')))).toThrow(/^ENOENT: no such file or directory/)
    expect(() => setXattr(file, bytes('nonsense'), file)).toThrow(
      expect.objectContaining({ code: 'ENOTSUP' }),
    )
  })

  it('are those of a symlink itself, which takes none of a user’s', () => {
    const directory = scratchDirectory()
    const file = fileIn(directory)
    setXattr(file, bytes('user.a'), bytes('one'))
    symlinkSync('file', directory.in('link'))
    const link = bytes(directory.in('link'))
    expect(listXattrs(link)).toEqual([])
    expect(() => setXattr(link, bytes('user.a'), file)).toThrow(expect.objectContaining({ code: 'EPERM' }))
  })
})

describe('setMtime', () => {
  it.each([
    { seconds: 1_700_000_000, nanos: 123_456_789 },
    { seconds: -2, nanos: 250_000_000 },
    { seconds: -1, nanos: 999_999_999 },
    { seconds: 5_000_000_000, nanos: 0 },
  ])('sets $seconds s and $nanos ns', (mtime) => {
    const file = fileIn()
    setMtime(file, mtime)
    expect(mtimeFromNanos(lstatSync(file, { bigint: true }).mtimeNs)).toEqual(mtime)
  })
})

describe('device numbers', () => {
  it('survive being encoded', () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
    fc.assert(
      fc.property(fc.record({ major: u32, minor: u32 }), (device) => {
        expect(decodeDevice(encodeDevice(device))).toEqual(device)
      }),
    )
  })

  it('of a fifo do not matter', () => {
    const directory = scratchDirectory()
    makeNode(bytes(directory.in('fifo')), 0o10600, { major: 0, minor: 0 })
    expect(lstatSync(directory.in('fifo')).isFIFO()).toBe(true)
  })
})

describe('renaming', () => {
  it('exchanges a directory and a file', () => {
    const directory = scratchDirectory()
    const file = fileIn(directory)
    mkdirSync(directory.in('directory'))
    exchangePaths(file, bytes(directory.in('directory')))
    expect(readFileSync(directory.in('directory'), 'utf8')).toBe('file')
    expect(lstatSync(file).isDirectory()).toBe(true)
  })
})

describe('syncFileSystem', () => {
  it('takes any open descriptor, and no other', () => {
    const fd = openSync(fileIn(), 'r')
    syncFileSystem(fd)
    closeSync(fd)
    expect(() => syncFileSystem(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })
})
