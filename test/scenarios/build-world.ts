import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { Machine } from '../../src/client/machine.ts'
import { jsonOf, startVend, vend, type Outcome } from '../src/cli/vend-process.ts'
import { FileServer } from '../support/file-server.ts'

export const exampleDistribution = resolve(import.meta.dirname, '../../examples/distribution')

/** What `vend build --json` says, as far as these tests ask. */
export interface BuildReport {
  readonly release: number
  readonly published: boolean
  readonly packages: readonly { readonly name: string; readonly version: string; readonly built: boolean }[]
  readonly modules: Readonly<Record<'added' | 'changed' | 'removed' | 'unchanged', readonly string[]>>
  readonly cost: { readonly from: number; readonly bytes: number; readonly packs: number } | null
}

/** Package sources, a repository and a cache, in one directory. */
export class BuildWorld implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vend-build-test-'))
  #server: FileServer | undefined

  static async create(): Promise<BuildWorld> {
    const world = new BuildWorld()
    mkdirSync(world.path('packages'))
    const made = await world.vend(['init'])
    if (made.code !== 0) throw new Error(made.stderr)
    return world
  }

  path(...names: string[]): string {
    return join(this.directory, ...names)
  }

  copyExample(): void {
    cpSync(exampleDistribution, this.directory, { recursive: true })
  }

  /** `file`: below the package sources. */
  write(file: string, text: string): void {
    mkdirSync(dirname(this.path('packages', file)), { recursive: true })
    writeFileSync(this.path('packages', file), text)
  }

  edit(file: string, from: string, to: string): void {
    const text = readFileSync(this.path('packages', file), 'utf8')
    if (!text.includes(from)) throw new Error(`${file} does not say ${from}`)
    writeFileSync(this.path('packages', file), text.replace(from, to))
  }

  /** A PKGBUILD of a package for any machine that only has a file /NAME, and needs no compiler. */
  plainPackage(name: string, text: string, more = ''): void {
    this.write(`${name}/content`, text)
    this.write(
      `${name}/PKGBUILD`,
      `pkgname=${name}\npkgver=1\npkgrel=1\npkgdesc=test\narch=(any)\nsource=(content)\nsha256sums=(SKIP)\n${more}\n` +
        `package() { install -Dm644 content "$pkgdir/${name}"; }\n`,
    )
  }

  /** A modules.yaml of one module with these packages. */
  oneModule(packages: readonly string[]): void {
    writeFileSync(
      this.path('modules.yaml'),
      `hide-packages: true\nexclude: [/var]\nmodules:\n  base:\n    packages: [${packages.join(', ')}]\n`,
    )
  }

  async vend(args: readonly string[], prefix: readonly string[] = []): Promise<Outcome> {
    return vend(args, { cwd: this.directory, prefix })
  }

  async build(...more: string[]): Promise<Outcome> {
    return this.vend(['build', 'modules.yaml', '--packages', 'packages', '--json', ...more])
  }

  async buildWell(...more: string[]): Promise<BuildReport> {
    const outcome = await this.build(...more)
    if (outcome.code !== 0) throw new Error(`vend build ended with ${outcome.code}:\n${outcome.stderr}`)
    return jsonOf(outcome) as BuildReport
  }

  startWatching(): ChildProcessWithoutNullStreams {
    return startVend(['build', 'modules.yaml', '--packages', 'packages', '--watch'], { cwd: this.directory })
  }

  /** The version that the channel edge points to. */
  async edge(): Promise<number> {
    const shown = await this.vend(['show', 'edge', '--json'])
    return (jsonOf(shown) as { readonly release: { readonly version: number } }).release.version
  }

  async machine(): Promise<{ readonly machine: Machine; readonly directory: string }> {
    this.#server ??= await FileServer.start(this.path('repository'))
    const directory = this.path('machine')
    const trustedRoot = readFileSync(this.path('keys', 'root.json'))
    Machine.create({ directory, url: this.#server.url, trustedRoot, channel: 'edge', modules: 'all' })
    return { machine: new Machine(directory), directory }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Names of what was built, sorted. */
export function builtIn({ packages }: BuildReport): string[] {
  return packages
    .filter(({ built }) => built)
    .map(({ name }) => name)
    .sort()
}
