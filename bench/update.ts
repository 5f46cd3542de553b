/**
 * What programs that know whole trees send to bring one to the next, and what it costs both ends:
 * `node bench/update.ts [--pairs a,b] [--contenders x,y]`. Prints Markdown and draws `bench/plots/update.svg`.
 */
import { layer } from './delta-layer.ts'
import { vendPack } from './delta-vend.ts'
import { runBenchmark } from './delta-run.ts'
import { casync } from './update-casync.ts'
import { ostree } from './update-ostree.ts'

await runBenchmark('update', [vendPack, layer, casync, ...ostree])
