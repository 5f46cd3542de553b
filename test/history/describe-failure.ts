import type { HistoryReport } from './history.ts'

/** For people: what went wrong, what happened before, and how to see it again. */
export function describeFailure({ seed, failure }: HistoryReport): string {
  if (failure === undefined) return ''
  return [
    `seed ${seed}: ${failure.problem}`,
    `again: VEND_HISTORY_SEEDS=${seed}:1 npx vitest run test/history/histories.integration.test.ts`,
    'the last events (step, time, who, what):',
    ...failure.events.map((event) => `  ${event}`),
  ].join('\n')
}
