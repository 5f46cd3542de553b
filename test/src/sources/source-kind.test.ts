import { describe, expect, it } from 'vitest'
import { findSource } from '../../../src/sources/source-kind.ts'
import { openSource } from '../../../src/sources/open-source.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'

describe('findSource', () => {
  it.each([
    ['a directory', 'mkdir it; touch it/file', 'dir'],
    ['an empty directory', 'mkdir it', 'dir'],
    [
      'a directory with a package and something else',
      'mkdir -p it/usr; touch it/a-1-1-any.pkg.tar.zst',
      'dir',
    ],
    ['a layout', 'mkdir it; touch it/oci-layout', 'oci'],
    [
      'packages',
      'mkdir it; touch it/a-1-1-any.pkg.tar.zst{,.sig} it/x.db it/x.db.tar.gz it/x.files.tar.gz.old',
      'pacman',
    ],
    ['an archive', 'tar -cf it /dev/null', 'tar'],
    ['a compressed archive', 'gzip -c /dev/null > it', 'tar'],
  ])('finds out that something is %s', (_, script, kind) => {
    const scratch = scratchDirectory()
    scratch.shell(script)
    expect(findSource(scratch.in('it'))).toEqual({ kind, path: scratch.in('it'), isSaid: false })
  })

  it('believes what is said', () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir layout layout:b; touch layout/oci-layout file')
    const [layout, file] = [scratch.in('layout'), scratch.in('file')]
    expect(findSource(`dir:${layout}`)).toMatchObject({ kind: 'dir', path: layout, isSaid: true })
    expect(findSource(`image:${file}`)).toMatchObject({ kind: 'image', path: file })
    expect(findSource(`oci:${layout}`)).toMatchObject({ kind: 'oci', path: layout })
    expect(findSource(`oci:${layout}:latest`)).toMatchObject({ kind: 'oci', path: layout, tag: 'latest' })
    expect(findSource(`oci:${layout}:b`)).toMatchObject({ kind: 'oci', path: `${layout}:b` })
  })

  it.each([
    ['SOURCE_UNREADABLE', 'none', 'is not there'],
    ['SOURCE_UNREADABLE', 'tar:none', 'is not there'],
    ['SOURCE_UNREADABLE', 'file/below', 'is not there'],
    ['SOURCE_UNSUPPORTED', 'file', 'write image: before it'],
    ['SOURCE_UNSUPPORTED', 'dir:file', 'is not a directory'],
    ['SOURCE_UNSUPPORTED', 'tar:directory', 'is not a file'],
    ['SOURCE_UNSUPPORTED', 'image:directory', 'is not a file'],
  ])('refuses with %s: %s', (code, text, words) => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir directory; echo something > file')
    const [, kind = '', path = ''] = /^([a-z]+:)?(.*)$/.exec(text) ?? []
    const find = (): unknown => findSource(`${kind}${scratch.in(path)}`)
    expect(find).toThrow(expect.objectContaining({ code }) as Error)
    expect(find).toThrow(words)
  })

  it('refuses a kind without a path', () => {
    expect(() => findSource('tar:')).toThrow('names no path')
  })
})

describe('openSource', () => {
  it('knows an archive of an image by what is in it, unless it is said to be an archive', async () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir it; echo "[]" > it/manifest.json; tar -C it -cf it.tar .')
    await expect(openSource(scratch.in('it.tar'))).rejects.not.toThrow('something unforeseen')
    await using opened = await openSource(`tar:${scratch.in('it.tar')}`)
    expect(Array.from(opened.tree.walk(), ({ entry }) => entry.path)).toEqual(['', 'manifest.json'])
  })

  it('takes a root with a file of that name for a root', async () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir -p it/etc; echo "[]" > it/manifest.json; tar -C it -cf it.tar .')
    await using opened = await openSource(scratch.in('it.tar'))
    expect(Array.from(opened.tree.walk(), ({ entry }) => entry.path)).toEqual(['', 'etc', 'manifest.json'])
  })

  it('opens nothing that it would leave behind when it fails', async () => {
    const scratch = scratchDirectory()
    scratch.shell('echo not > it')
    await expect(openSource(`tar:${scratch.in('it')}`)).rejects.toMatchObject({ code: 'SOURCE_DAMAGED' })
  })

  it('stops when it is told to', async () => {
    const scratch = scratchDirectory()
    scratch.shell('head -c 3000000 /dev/urandom > it; tar -cf it.tar it')
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(openSource(scratch.in('it.tar'), { signal })).rejects.toThrow('stop')
    scratch.shell('head -c 30000000 /dev/zero > it; tar -czf it.tar.gz it')
    const stopping = new AbortController()
    const onBytes = (): void => queueMicrotask(() => stopping.abort(new Error('stop now')))
    const options = { signal: stopping.signal, onBytes }
    await expect(openSource(scratch.in('it.tar.gz'), options)).rejects.toThrow('stop now')
  })
})
