import type { JsonValue } from '../../manifests/canonical-json.ts'
import { rateInterval, type Trials } from '../reports/failure-rate.ts'
import type { OutcomeGroup } from '../reports/outcome-tally.ts'
import type { ReleaseReports } from '../reports/release-reports.ts'
import { formatCount, formatCounted } from './format-quantity.ts'
import { formatTable } from './table.ts'

/** How sure the intervals are that people are shown. */
export const shownConfidence = 0.99

/** Machines that are named by the first digits of their ids, of each kind of failure. */
const namedMachines = 3

/** `1.24 %`, `0.5 %` */
export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}

export function trialsOf({ outcomes }: ReleaseReports): Trials {
  const count = (wanted: 'ok' | 'failed'): number =>
    outcomes.reduce((sum, { outcome, machines }) => sum + (outcome === wanted ? machines.length : 0), 0)
  return { succeeded: count('ok'), failed: count('failed') }
}

/** `12 of 400 machines failed, 3 %; with 99 % confidence between 1.2 % and 6.1 %` */
export function describeTrials(trials: Trials, confidence = shownConfidence): string {
  const { failed, succeeded } = trials
  const all = failed + succeeded
  if (all === 0) return 'nothing was reported'
  const { low, high } = rateInterval(trials, confidence)
  return (
    `${formatCount(failed)} of ${formatCounted(all, 'machine')} failed, ${formatShare(failed / all)}; ` +
    `with ${formatShare(confidence)} confidence between ${formatShare(low)} and ${formatShare(high)}`
  )
}

export function describeOutcomes({ outcomes }: ReleaseReports): string {
  return formatTable(
    columns,
    outcomes.map(({ from, phase, outcome, code, machines }) => [
      formatCount(machines.length),
      outcome,
      phase,
      code ?? '-',
      from === null ? '-' : String(from),
      outcome === 'ok' ? '-' : namesOf(machines),
    ]),
  )
}

const columns = [
  { title: 'MACHINES', align: 'right' },
  { title: 'OUTCOME' },
  { title: 'PHASE' },
  { title: 'CODE' },
  { title: 'FROM', align: 'right' },
  { title: 'WHO' },
] as const

/** As `vend-client reports show` begins them on those machines. */
function namesOf(machines: OutcomeGroup['machines']): string {
  const names = machines.slice(0, namedMachines).map((machine) => machine.toString(16).padStart(12, '0'))
  return `${names.join(', ')}${machines.length > namedMachines ? ', …' : ''}`
}

export function jsonOfReports(reports: ReleaseReports): Record<string, JsonValue> {
  const trials = trialsOf(reports)
  const { low, high } = rateInterval(trials, shownConfidence)
  return {
    release: reports.release,
    ...trials,
    rate: { low, high, confidence: shownConfidence },
    beyond: reports.beyond,
    outcomes: reports.outcomes.map(({ from, phase, outcome, code, machines }) => ({
      from,
      phase,
      outcome,
      code: code ?? null,
      machines: machines.length,
      ...(outcome === 'failed' && { who: namesOf(machines) }),
    })),
  }
}
