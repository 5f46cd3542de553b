import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openSource } from '../../src/sources/open-source.ts'
import { hasProgram } from '../support/programs.ts'
import { badSources } from './bad-sources.ts'

const root = mkdtempSync(join(tmpdir(), 'vend-corpus-'))
const scratch = join(root, 'scratch')
const messages = new Map<string, string>()

/** What a member that climbs out of a scratch directory would meet: two levels up, and by its name. */
function everythingIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
}

beforeAll(() => {
  mkdirSync(scratch)
  writeFileSync(join(root, 'sentinel'), 'untouched')
  vi.stubEnv('TMPDIR', scratch)
})

afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

describe.each(Object.entries(badSources))('a hostile source is refused for its %s:', (_, sources) => {
  it.for(sources)('$name', async (source, { skip }) => {
    skip(source.needs !== undefined && !hasProgram(source.needs), `there is no ${source.needs}`)
    const directory = mkdtempSync(join(root, 'bad-'))
    try {
      const text = source.make(directory)
      const before = everythingIn(root)
      const opening = openSource(text, { limits: { maxUnpackedBytes: source.maxUnpackedBytes } })
      const error = await opening.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject({ code: source.code })
      const message = (error as Error).message.replaceAll(directory, 'SOURCE')
      for (const words of source.says) expect(message).toContain(words)
      expect(everythingIn(root)).toEqual(before)
      expect(readFileSync(join(root, 'sentinel'), 'utf8')).toBe('untouched')
      messages.set(source.name, message)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

it('is refused with a name of its own, in more than sixty ways', () => {
  const all = Object.values(badSources).flat()
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  expect(new Set(messages.values()).size).toBeGreaterThan(100)
})
