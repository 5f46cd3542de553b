import { exchangePaths } from '../../../src/tree/libc.ts'

// Arguments: pairs of paths, which it swaps in turn until it is killed. Says so once it has begun.
const paths = process.argv.slice(2).map((path) => Buffer.from(path))
for (let round = 0; ; round++) {
  for (let i = 0; i + 1 < paths.length; i += 2) {
    const [a, b] = paths.slice(i, i + 2)
    if (a !== undefined && b !== undefined) swap(a, b)
  }
  if (round === 0) process.stdout.write('swapping\n')
}

function swap(a: Buffer, b: Buffer): void {
  try {
    exchangePaths(a, b)
  } catch {
    // One of the two is just being replaced; the next round swaps again.
  }
}
