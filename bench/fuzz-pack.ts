/**
 * Applies packs that were tampered with, as many as asked for, and says what came of it:
 * `node bench/fuzz-pack.ts --cases 1000000 --seed 0`. Ends with 1 when a pack was neither refused nor applied.
 */
import { writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PackFuzzer } from '../test/support/fuzz-pack.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    /** Of the first case; those after it count up. */
    seed: { type: 'string', default: '0' },
    /** Where packs that were found go: `<directory>/<seed>.pack`. */
    keep: { type: 'string' },
  },
})

/** A finding is told in full so many times. */
const toldFindings = 20
const reportEvery = 100_000

const [cases, first] = [Number(values.cases), Number(values.seed)]
const fuzzer = new PackFuzzer()
const started = performance.now()
let findings = 0
let slowest = { ms: 0, seed: first }
for (let seed = first; seed < first + cases; seed++) {
  const began = performance.now()
  const finding = fuzzer.run(seed)
  const ms = performance.now() - began
  if (ms > slowest.ms) slowest = { ms, seed }
  if (finding !== undefined && ++findings <= toldFindings) {
    console.log(`seed ${seed} (${finding.of.name}):`, finding.error)
    if (values.keep !== undefined) writeFileSync(`${values.keep}/${seed}.pack`, finding.pack)
  }
  // zlib lets go of a stream that failed only when others have had their turn.
  if (seed % 256 === 0) await setImmediate()
  if ((seed - first + 1) % reportEvery === 0) report()
}
report()
process.exitCode = findings > 0 ? 1 : 0

function report(): void {
  const seconds = (performance.now() - started) / 1000
  const memory = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(
    JSON.stringify({
      ...fuzzer.counts,
      findings,
      seconds: Math.round(seconds),
      casesPerSecond: Math.round(fuzzer.counts.cases / seconds),
      slowestMs: Math.round(slowest.ms),
      slowestSeed: slowest.seed,
      peakMiB: memory,
    }),
  )
}
