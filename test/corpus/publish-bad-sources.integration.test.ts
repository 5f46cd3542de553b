import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { digestOf } from '../../manifests/digest.ts'
import { vendHere } from '../src/cli/vend-here.ts'
import { badSources } from './bad-sources.ts'

const root = mkdtempSync(join(tmpdir(), 'vend-corpus-'))
const scratch = join(root, 'scratch')
const env = { VEND_STORE: `file:${join(root, 'repository')}`, VEND_KEYS: join(root, 'keys') }

/** Every file below the root, the repository's too, with the digest of its content. */
function everything(): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((item) => join(item.parentPath, item.name) + (item.isFile() ? digestIn(item) : ''))
    .sort()
}

function digestIn(item: { readonly parentPath: string; readonly name: string }): string {
  return ` ${digestOf(readFileSync(join(item.parentPath, item.name)))}`
}

beforeAll(async () => {
  mkdirSync(scratch)
  mkdirSync(join(root, 'good'))
  writeFileSync(join(root, 'good/file'), 'good')
  vi.stubEnv('TMPDIR', scratch)
  expect(await vendHere(['init'], env)).toMatchObject({ code: 0 })
  expect(await vendHere(['publish', join(root, 'good'), '--release', '1'], env)).toMatchObject({ code: 0 })
})

afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

describe.each(Object.entries(badSources))(
  'vend publish with a source that is wrong in its %s',
  (_, sources) => {
    it('says what is wrong with each, publishes nothing of it and writes nothing elsewhere', async () => {
      for (const source of sources) {
        const directory = mkdtempSync(join(root, 'bad-'))
        const text = source.make(directory)
        const before = everything()
        const args = ['publish', join(root, 'good'), `evil=${text}`, '--release', '2', ...(source.args ?? [])]
        const { code, stderr, stdout } = await vendHere(args, env)
        expect([source.name, code, stdout]).toEqual([source.name, 8, ''])
        for (const words of source.says) expect(stderr).toContain(words)
        expect(stderr).not.toContain('unforeseen')
        expect(everything()).toEqual(before)
        rmSync(directory, { recursive: true, force: true })
      }
    })
  },
)
