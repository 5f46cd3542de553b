import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { sampleMetrics } from '../src/metrics/sample-metrics.ts'

const root = resolve(import.meta.dirname, '../..')

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8')
}

interface Metric {
  readonly type: string
  readonly labels: ReadonlySet<string>
}

/** Every name that a query may use, with the labels that its series have besides those of a scrape. */
function queryableNames(): Map<string, Metric> {
  const names = new Map<string, Metric>()
  for (const { name, type, labels } of sampleMetrics().describe()) {
    if (type !== 'histogram') names.set(name, { type, labels: new Set(labels) })
    else {
      names.set(`${name}_bucket`, { type, labels: new Set([...labels, 'le']) })
      for (const part of ['sum', 'count']) names.set(`${name}_${part}`, { type, labels: new Set(labels) })
    }
  }
  return names
}

/** Prometheus' own of every scrape. */
const ofScrape = ['job', 'instance']

/** What a query refers to, by the form of names that metrics have here; what is quoted refers to nothing. */
function metricsIn(expression: string): string[] {
  const plain = expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
  return [...plain.matchAll(/\b(?:vend|process|nodejs)_\w+/g)].map(([name]) => name)
}

function labelsIn(expression: string): string[] {
  const plain = expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
  const matchers = [...plain.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = '']) =>
    inside.split(',').map((matcher) => /^\s*(\w+)/.exec(matcher)?.[1] ?? ''),
  )
  const groups = [...plain.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, inside = '']) => inside.split(',').map((label) => label.trim()),
  )
  return [...matchers, ...groups].filter((label) => label !== '')
}

function expectKnown(expressions: readonly string[]): void {
  const names = queryableNames()
  for (const expression of expressions) {
    const used = metricsIn(expression)
    expect(used, expression).not.toEqual([])
    expect(
      used.filter((name) => !names.has(name)),
      expression,
    ).toEqual([])
    const labels = new Set(ofScrape)
    for (const name of used) for (const label of names.get(name)?.labels ?? []) labels.add(label)
    expect(
      labelsIn(expression).filter((label) => !labels.has(label)),
      expression,
    ).toEqual([])
  }
}

interface Dashboard {
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}

test('every query of the dashboard asks for metrics and labels that there are', () => {
  const { panels, templating } = JSON.parse(read('infra/grafana/vend.json')) as Dashboard
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  expect(expressions.length).toBeGreaterThan(40)
  expectKnown(expressions)
  expectKnown(templating.list.flatMap(({ definition }) => definition ?? []))
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
})

test('the dashboard shows every metric that is no mere process', () => {
  const dashboard = read('infra/grafana/vend.json')
  const names = sampleMetrics()
    .describe()
    .map(({ name }) => name)
  const unseen = names.filter((name) => name.startsWith('vend_') && !dashboard.includes(name))
  expect(unseen.filter((name) => !/^vend_(store_bytes_total)$/.test(name))).toEqual([])
})

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly labels: { readonly severity: string }
      readonly annotations: Readonly<Record<string, string>>
    }[]
  }[]
}

const rules = (parse(read('infra/prometheus/alerts.yaml')) as Rules).groups.flatMap((group) => group.rules)

test('every alert asks for metrics and labels that there are', () => {
  expect(rules.length).toBeGreaterThan(10)
  expectKnown(rules.map(({ expr }) => expr))
})

test('every alert is shown to fire and not to fire, and is in docs/metrics.md', () => {
  const tests = read('infra/prometheus/alerts.test.yaml')
  const docs = read('docs/metrics.md')
  for (const { alert } of rules) {
    const cases = tests.split('alertname: ').filter((text) => text.startsWith(alert))
    const quiet = cases.filter((text) => /^\w+, exp_alerts: \[\]/.test(text))
    expect(cases.length, alert).toBeGreaterThan(quiet.length)
    expect(quiet, alert).not.toEqual([])
    expect(docs).toContain(`| \`${alert}\` |`)
  }
})
