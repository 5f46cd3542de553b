import type { RepositoryState } from '../../../src/repository/repository-state.ts'
import { Metrics, type MetricsOptions } from '../../../src/metrics/metrics.ts'

/** Metrics of a process that has no repository, unless the options say so. */
export function sampleMetrics(options: Partial<MetricsOptions> = {}): Metrics {
  const readState = async (): Promise<RepositoryState> => Promise.reject(new Error('there is no repository'))
  return new Metrics({ version: '1.2.3', readState, ...options })
}

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Prometheus' text format: one series a line that is no comment. */
export function parseSeries(text: string): Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      return {
        name,
        labels: Object.fromEntries(pairs.map(([, label = '', text_ = '']) => [label, text_] as const)),
        value: Number(value),
      }
    })
}

/** The value of the one series of that name with these labels; undefined when there is none. */
export async function valueOf(
  metrics: Metrics,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const found = parseSeries(await metrics.read()).filter(
    (series) =>
      series.name === name &&
      Object.entries(labels).every(([label, value]) => series.labels[label] === value),
  )
  if (found.length > 1) throw new Error(`${found.length} series are ${name} ${JSON.stringify(labels)}`)
  return found[0]?.value
}
