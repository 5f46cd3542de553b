import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new, empty directory that is removed when the running test is over. */
export function scratchDirectory(): ScratchDirectory {
  const directory = new ScratchDirectory()
  onTestFinished(() => directory[Symbol.dispose]())
  return directory
}

/** An empty directory that is removed when it is disposed of. */
export class ScratchDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'vend-tree-'))

  /** Runs a shell script in the directory. */
  shell(script: string): void {
    execFileSync('bash', ['-eu'], { cwd: this.path, input: script, stdio: ['pipe', 'ignore', 'inherit'] })
  }

  in(name: string): string {
    return join(this.path, name)
  }

  [Symbol.dispose](): void {
    // Paths in it may be longer than an absolute path can be.
    execFileSync('rm', ['-rf', this.path])
  }
}
