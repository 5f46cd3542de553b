import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')
const sources = globSync('{src,storage,manifests}/**/*.ts', { cwd: root }).map((path) => ({
  path,
  text: readFileSync(resolve(root, path), 'utf8'),
}))

/** Sources that load a module when they are loaded, and not first when they need it. */
function loadersOf(module: RegExp): string[] {
  const imports = /^(?:import|export)(?! type)[^;]*? from '([^']+)'/gm
  return sources
    .filter(({ text }) => [...text.matchAll(imports)].some(([, from = '']) => module.test(from)))
    .map(({ path }) => path)
    .toSorted()
}

test('OpenTelemetry is loaded by what starts it, and by nothing else', () => {
  expect(loadersOf(/^@opentelemetry\//)).toEqual([
    'src/tracing/start-tracing.ts',
    'src/tracing/trace-context.ts',
  ])
  expect(loadersOf(/\/start-tracing\.ts$/)).toEqual([])
  expect(loadersOf(/\/trace-context\.ts$/)).toEqual(['src/tracing/start-tracing.ts'])
})

test('the library of metrics is loaded by metrics, and these where they are wanted', () => {
  const loaders = loadersOf(/^prom-client$/)
  expect(loaders.length).toBeGreaterThan(5)
  expect(loaders.filter((path) => !path.startsWith('src/metrics/'))).toEqual([])
  const users = loadersOf(/\/[a-z]*-?metrics\.ts$/).filter((path) => !path.startsWith('src/metrics/'))
  expect(users.filter((path) => !/^src\/cli\/commands\/(?:serve|work)\.ts$/.test(path))).toEqual([])
})
