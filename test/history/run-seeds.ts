import { BaseRepository } from './base-repository.ts'
import { runHistory } from './history.ts'
import { simulateBuiltins } from './simulated-builtins.ts'

// Runs the seeds that its parent sends, one after another, and answers each with its report (bench/histories.ts).

const builtins = simulateBuiltins()
const base = await BaseRepository.create()

process.on('message', (seed: number) => {
  void runHistory(seed, base).then((report) => process.send?.(report))
})
process.once('disconnect', () => {
  base[Symbol.dispose]()
  builtins[Symbol.dispose]()
})
process.send?.('ready')
