import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod'
import { digestField, naturalField } from '../../manifests/fields.ts'
import { readIfThere } from './read-if-there.ts'
import { findSourceFile } from './source-file.ts'

const resultSchema = z.strictObject({
  base: z.string(),
  version: z.string(),
  files: z.array(
    z.strictObject({ name: z.string().regex(/^[^/]+$/), digest: digestField, bytes: naturalField }),
  ),
})

/** What a build left. */
export type BuildResult = z.output<typeof resultSchema>

/**
 * Packages by the hash of what they were built from, in a directory of the machine that builds: `packages/HASH/` with
 * `result.json` and the files, `logs/BASE/HASH.log`, and `srcinfo/HASH`. A result is there wholly or not at all.
 */
export class BuildCache {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** Undefined, too, when a file of it is not what it was. */
  async find(hash: string): Promise<BuildResult | undefined> {
    const text = await readIfThere(join(this.#place(hash), 'result.json'))
    const result = text === undefined ? undefined : resultSchema.safeParse(JSON.parse(text)).data
    if (result === undefined) return undefined
    for (const [i, path] of this.files(hash, result).entries()) {
      const file = await findSourceFile(path, basename(path), this.directory)
      if (file?.digest !== result.files[i]?.digest) return undefined
    }
    return result
  }

  files(hash: string, { files }: BuildResult): string[] {
    return files.map(({ name }) => join(this.#place(hash), name))
  }

  /** Copies `paths`, which are the result's files, in its order. */
  async add(hash: string, result: BuildResult, paths: readonly string[]): Promise<void> {
    const place = this.#place(hash)
    await mkdir(dirname(place), { recursive: true })
    const staged = await mkdtemp(`${place}.`)
    try {
      for (const path of paths) await copyFile(path, join(staged, basename(path)))
      await writeFile(join(staged, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`)
      // What is there is damaged: else nobody would have built it again.
      await rm(place, { recursive: true, force: true })
      await rename(staged, place)
    } finally {
      await rm(staged, { recursive: true, force: true })
    }
  }

  /** Where the log of a build goes; the directory is there afterwards. */
  async logPath(base: string, hash: string): Promise<string> {
    const directory = join(this.directory, 'logs', base)
    await mkdir(directory, { recursive: true })
    return join(directory, `${hash.slice(0, 16)}.log`)
  }

  async findSrcinfo(key: string): Promise<string | undefined> {
    return readIfThere(join(this.directory, 'srcinfo', key))
  }

  async addSrcinfo(key: string, text: string): Promise<void> {
    const directory = join(this.directory, 'srcinfo')
    await mkdir(directory, { recursive: true })
    const staged = await mkdtemp(join(directory, 'new-'))
    await writeFile(join(staged, key), text)
    await rename(join(staged, key), join(directory, key))
    await rm(staged, { recursive: true })
  }

  #place(hash: string): string {
    return join(this.directory, 'packages', hash)
  }
}
