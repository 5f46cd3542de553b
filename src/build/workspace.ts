import { chown, copyFile, lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildUser } from './build-user.ts'
import { copySourceFile, type SourceFile } from './source-file.ts'

const runMakepkg = fileURLToPath(new URL('run-makepkg.sh', import.meta.url))

/** Those that makepkg, or what it runs, writes to. */
const writable = ['start', 'sources', 'build', 'out', 'sysroot', 'home']

/**
 * The files of one build. It itself belongs to this process, so that nothing in it can be exchanged for something else;
 * what the build writes to belongs to the building user. Lies in a directory that only this process's user may enter.
 */
export class Workspace implements AsyncDisposable {
  readonly path: string
  readonly #parent: string

  private constructor(parent: string) {
    this.#parent = parent
    this.path = join(parent, 'build')
  }

  /** `placeholders`: empty files beside the PKGBUILD, for what only asks whether they are there. */
  static async create(options: {
    readonly user: BuildUser
    readonly config: string
    readonly beside: readonly SourceFile[]
    readonly placeholders?: readonly string[]
    readonly fetched?: readonly SourceFile[]
    /** Package files that are to be in the sysroot. */
    readonly needs?: readonly string[]
  }): Promise<Workspace> {
    const { user, config, beside, placeholders = [], fetched = [], needs = [] } = options
    const workspace = new Workspace(await mkdtemp(join(tmpdir(), 'vend-build-')))
    const path = (...names: string[]): string => join(workspace.path, ...names)
    await mkdir(workspace.path)
    for (const name of [...writable, 'needs']) await mkdir(path(name))
    await writeFile(path('makepkg.conf'), config)
    await copyFile(runMakepkg, path('run-makepkg.sh'))
    for (const file of beside) await copySourceFile(file, path('start', file.name))
    for (const name of placeholders) await writeFile(path('start', name), '', { flag: 'wx' })
    for (const file of fetched) await copySourceFile(file, path('sources', file.name))
    for (const file of needs) await copyFile(file, path('needs', basename(file)))
    const given = [
      ...[...beside.map(({ name }) => name), ...placeholders].map((name) => path('start', name)),
      ...fetched.map(({ name }) => path('sources', name)),
      ...writable.map((name) => path(name)),
    ]
    if (process.getuid?.() === 0) for (const each of given) await chown(each, user.uid, user.gid)
    return workspace
  }

  /** A file that the build left in its place for packages; undefined when there is no regular one. */
  async output(name: string): Promise<string | undefined> {
    const path = join(this.path, 'out', name)
    const stats = await lstat(path).catch(() => undefined)
    // Another name of it could be a file of somebody else's.
    return stats?.isFile() === true && stats.nlink === 1 ? path : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What the build had started may still be ending.
    await rm(this.#parent, { recursive: true, force: true, maxRetries: 5 })
  }
}
