/**
 * What programs for two files make of the contents that changed between two trees:
 * `node bench/delta.ts [--pairs a,b] [--contenders x,y]`. Prints Markdown and draws `bench/plots/delta.svg`.
 */
import { programs } from './delta-files.ts'
import { layer } from './delta-layer.ts'
import { vendPack } from './delta-vend.ts'
import { runBenchmark } from './delta-run.ts'

await runBenchmark('delta', [vendPack, layer, ...programs])
