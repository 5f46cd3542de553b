import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModuleSource } from '../../ingest/publish-release.ts'
import type { Example, ExampleRelease } from './example.ts'
import { fetchPackage, type PackageRequest } from './fetch-package.ts'
import { DirectoryTree } from '../../tree/tree-source.ts'

export interface PackageOptions {
  /** Where trees are kept for the next time. */
  readonly cache: string
  readonly signal: AbortSignal
  readonly onFetch: (title: string) => void
}

interface ExampleModule extends PackageRequest {
  readonly module: string
  readonly includes: readonly string[]
  readonly configuration: string | undefined
}

const configurationPath = 'etc/app.conf'

/** Two consecutive releases of real software: a large native program, and a large application in JavaScript. */
export async function packageExample(options: PackageOptions): Promise<Example> {
  const older = await exampleRelease('0.25.10', '5.9.2', 'workers = 2\n', options)
  const newer = await exampleRelease('0.25.11', '5.9.3', 'workers = 4\n', options)
  return {
    releases: [older, newer],
    localChange: { path: configurationPath, line: 'colour = green  # changed on this machine\n' },
  }
}

async function exampleRelease(
  runtime: string,
  app: string,
  configuration: string,
  options: PackageOptions,
): Promise<ExampleRelease> {
  const title = `esbuild ${runtime}, typescript ${app}`
  const modules: readonly ExampleModule[] = [
    {
      module: 'app',
      includes: ['runtime'],
      name: 'typescript',
      version: app,
      place: 'usr/lib/node_modules/typescript',
      configuration,
    },
    {
      module: 'runtime',
      includes: [],
      name: `@esbuild/linux-${process.arch}`,
      version: runtime,
      place: 'usr/lib/esbuild',
      configuration: undefined,
    },
  ]
  options.onFetch(title)
  return { title, modules: await Promise.all(modules.map(async (one) => moduleSource(one, options))) }
}

async function moduleSource(module: ExampleModule, options: PackageOptions): Promise<ModuleSource> {
  const directory = `${module.module}-${module.name.replace(/^@/, '').replace('/', '-')}-${module.version}`
  const tree = join(options.cache, directory)
  const complete = (made: string): void => {
    if (module.configuration === undefined) return
    mkdirSync(join(made, 'etc'))
    writeFileSync(join(made, configurationPath), module.configuration)
  }
  await fetchPackage(module, tree, { signal: options.signal, complete })
  return { name: module.module, tree: new DirectoryTree(tree), includes: module.includes }
}
