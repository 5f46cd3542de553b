import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { measureTrees } from '../../../src/cli/measure-trees.ts'

test('content counts once, holes and what is no file count nothing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vend-measure-'))
  try {
    const script = String.raw`
      mkdir -p a/b c; head -c 5000 /dev/zero | tr '\0' x > a/b/one; ln a/b/one a/two
      truncate -s 1G a/hole; ln -s / a/root; mkfifo c/pipe; head -c 7 /dev/zero | tr '\0' x > c/seven`
    execFileSync('bash', ['-euc', script], { cwd: directory })
    expect(measureTrees([join(directory, 'a'), join(directory, 'c'), '/no/such'])).toBe(5007)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
