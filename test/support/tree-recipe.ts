import { execFileSync } from 'node:child_process'
import { chmodSync, lutimesSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface FileOptions {
  readonly mode?: number
  /** Seconds since 1970; of everything else it is `usualMtime`. */
  readonly mtime?: number
}

/** Before `cutoff`, so that what a test dates itself is told from what was just made. */
const usualMtime = 1_577_836_800
const cutoff = '2021-01-01'

/** Makes and changes a source tree, path by path. */
export class TreeRecipe {
  readonly path: string

  constructor(path: string) {
    this.path = path
    mkdirSync(path, { recursive: true })
  }

  file(path: string, content: string | Uint8Array, { mode = 0o644, mtime }: FileOptions = {}): this {
    const at = this.#make(path)
    writeFileSync(at, content)
    chmodSync(at, mode)
    if (mtime !== undefined) lutimesSync(at, mtime, mtime)
    return this
  }

  dir(path: string, mode = 0o755): this {
    const at = join(this.path, path)
    mkdirSync(at, { recursive: true })
    chmodSync(at, mode)
    return this
  }

  link(path: string, target: string): this {
    symlinkSync(target, this.#make(path))
    return this
  }

  hardlink(path: string, target: string): this {
    const at = this.#make(path)
    linkSync(join(this.path, target), at)
    return this
  }

  remove(path: string): this {
    rmSync(join(this.path, path), { recursive: true, force: true })
    return this
  }

  /** For all that has no method: xattrs, devices, holes … */
  shell(script: string): this {
    execFileSync('bash', ['-eu'], { cwd: this.path, input: script, stdio: ['pipe', 'ignore', 'inherit'] })
    return this
  }

  /** Dates everything that was made since. */
  finish(): void {
    const dated = ['-depth', '-newermt', cutoff, '-exec', 'touch', '-h', '-d', `@${usualMtime}`, '{}', '+']
    execFileSync('find', ['.', ...dated], { cwd: this.path })
  }

  #make(path: string): string {
    const at = join(this.path, path)
    mkdirSync(dirname(at), { recursive: true })
    rmSync(at, { recursive: true, force: true })
    return at
  }
}

/** The same for the same seed, and incompressible. */
export function noise(seed: number, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = (seed * 2_654_435_769 + 1) >>> 0
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer).subarray(0, bytes)
}
