import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { routeClasses } from '../../src/server/route-class.ts'
import { sampleMetrics } from '../src/metrics/sample-metrics.ts'

const docs = readFileSync(resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8')

test('docs/metrics.md has every metric, with its type, labels and meaning, and no other', () => {
  const described = sampleMetrics()
    .describe()
    .map(({ name, type, labels, help }) => {
      const names = labels.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} | ${names}${names === '' ? '' : ' '}| ${help} |`
    })
  const documented = docs.split('\n').filter((line) => /^\| `(?:vend|process|nodejs)_/.test(line))
  expect(documented.toSorted()).toEqual(described.toSorted())
})

test('docs/metrics.md has every value of the label route', () => {
  const [, list = ''] = /^- `route`: (.*(?:\n {2}.*)*)/m.exec(docs) ?? []
  const names = [...list.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name)
  expect(names.length).toBe(routeClasses.length)
  expect(new Set(names)).toEqual(new Set(routeClasses))
})
