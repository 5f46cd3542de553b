import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Recipe } from '../../../src/build/recipe.ts'
import { findPackageFiles, inputsOfFiles, type SourcePlaces } from '../../../src/build/package-inputs.ts'
import { copySourceFile, findSourceFile } from '../../../src/build/source-file.ts'
import { sampleRecipe } from './sample-recipe.ts'

let scratch = ''
let packages = ''
let directory = ''

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'vend-inputs-'))
  packages = join(scratch, 'packages')
  directory = join(packages, 'a')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'PKGBUILD'), 'pkgname=a\n')
  writeFileSync(join(directory, 'a.c'), 'int a;\n')
})

afterEach(() => rmSync(scratch, { recursive: true }))

const local = { name: 'a.c', url: undefined, checksums: [] }
const remote = { name: 'b.tar.gz', url: 'https://example.org/b.tar.gz', checksums: ['sha256:abcd'] }

async function inputs(
  more: Partial<Recipe>,
  places: Partial<SourcePlaces> = {},
): Promise<ReturnType<typeof inputsOfFiles>> {
  const pkgbuild = await findSourceFile(join(directory, 'PKGBUILD'), 'PKGBUILD', packages)
  if (pkgbuild === undefined) throw new Error('no PKGBUILD')
  const recipe = { ...sampleRecipe('a', [], more), directory, pkgbuild }
  return inputsOfFiles(recipe, await findPackageFiles(recipe, { packages, ...places }))
}

test('what a file holds, and whether it is a program, is input; its age, and what nobody names, is not', async () => {
  const before = await inputs({ sources: [local] })
  expect(Object.keys(before.files)).toEqual(['a.c'])
  utimesSync(join(directory, 'a.c'), 1, 1)
  writeFileSync(join(directory, 'notes.txt'), 'nothing')
  expect(await inputs({ sources: [local] })).toEqual(before)
  chmodSync(join(directory, 'a.c'), 0o755)
  expect((await inputs({ sources: [local] })).files['a.c']).toBe(`${before.files['a.c']}+x`)
  chmodSync(join(directory, 'a.c'), 0o644)
  writeFileSync(join(directory, 'a.c'), 'int b;\n')
  expect((await inputs({ sources: [local] })).files['a.c']).not.toBe(before.files['a.c'])
})

test('the PKGBUILD and the files that become part of packages are input', async () => {
  writeFileSync(join(directory, 'a.install'), 'post_install() { :; }\n')
  const before = await inputs({ files: ['a.install'] })
  expect(Object.keys(before.files)).toEqual(['a.install'])
  writeFileSync(join(directory, 'PKGBUILD'), 'pkgname=a # changed\n')
  const after = await inputs({ files: ['a.install'] })
  expect(after.pkgbuild).not.toBe(before.pkgbuild)
  expect(after.files).toEqual(before.files)
})

test('sources from elsewhere are known by a strong checksum, else by what the mirror has', async () => {
  const mirror = join(scratch, 'mirror')
  mkdirSync(join(mirror, 'a'), { recursive: true })
  writeFileSync(join(mirror, 'b.tar.gz'), 'one')
  const weak = { ...remote, checksums: ['md5:abcd'] }
  expect((await inputs({ sources: [remote] }, { mirror })).remote).toEqual({ 'b.tar.gz': ['sha256:abcd'] })
  const first = (await inputs({ sources: [weak] }, { mirror })).remote
  // The package's own directory goes first.
  writeFileSync(join(mirror, 'a', 'b.tar.gz'), 'two')
  const second = (await inputs({ sources: [weak] }, { mirror })).remote
  expect(second).not.toEqual(first)
  expect((await inputs({ sources: [remote] }, { mirror })).remote).toEqual({ 'b.tar.gz': ['sha256:abcd'] })
})

test('names what is missing, and the way out', async () => {
  await expect(inputs({ sources: [{ ...local, name: 'z.c' }] })).rejects.toMatchObject({
    code: 'BUILD_SOURCE_MISSING',
    message: `a: there is no file z.c in ${directory}`,
  })
  await expect(inputs({ sources: [remote] })).rejects.toMatchObject({
    message: 'a: the source b.tar.gz is not beside its PKGBUILD, and there is no mirror',
    hint: 'put https://example.org/b.tar.gz there, and name the directory with --mirror',
  })
  await expect(inputs({ sources: [remote] }, { hasNetwork: true })).resolves.toMatchObject({
    remote: { 'b.tar.gz': ['sha256:abcd'] },
  })
  await expect(inputs({ sources: [{ ...remote, checksums: [] }] }, { hasNetwork: true })).rejects.toThrow(
    'not beside its PKGBUILD',
  )
  const clone = { name: 'b', url: 'git+https://example.org/b.git', checksums: [] }
  await expect(inputs({ sources: [clone] })).rejects.toThrow('is a repository of some version control')
})

test('gives a build no file from outside, and nothing but files', async () => {
  writeFileSync(join(scratch, 'secret'), 'secret')
  symlinkSync(join(scratch, 'secret'), join(directory, 'link.c'))
  mkdirSync(join(directory, 'below'))
  await expect(inputs({ sources: [{ ...local, name: 'link.c' }] })).rejects.toThrow(
    `${join(directory, 'link.c')} leads out of ${packages}, to ${join(scratch, 'secret')}`,
  )
  await expect(inputs({ sources: [{ ...local, name: 'below' }] })).rejects.toThrow('is no regular file')
  symlinkSync('a.c', join(directory, 'inside.c'))
  expect(Object.keys((await inputs({ sources: [{ ...local, name: 'inside.c' }] })).files)).toEqual([
    'inside.c',
  ])
})

test('a file that changes after it was looked at is not built from', async () => {
  const file = await findSourceFile(join(directory, 'a.c'), 'a.c', packages)
  if (file === undefined) throw new Error('no file')
  writeFileSync(join(directory, 'a.c'), 'int c;\n')
  await expect(copySourceFile(file, join(scratch, 'copy'))).rejects.toMatchObject({
    code: 'BUILD_SOURCE_CHANGED',
  })
})
