import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Machine } from '../../src/client/machine.ts'

/** A machine that follows the channel `stable` of whatever serves the repository under a URL. */
export class EdgeMachine {
  readonly #directory: string

  constructor(directory: string, url: string, trustedRoot: Buffer | undefined) {
    if (trustedRoot === undefined) throw new Error('the repository has no root')
    this.#directory = directory
    Machine.create({ directory, url, trustedRoot, channel: 'stable', modules: 'all' })
  }

  /** The release that it has afterwards. */
  async update(): Promise<number | undefined> {
    const machine = new Machine(this.#directory)
    await machine.update()
    const { active, slots } = machine.status()
    return active && slots[active]?.version
  }

  /** A file of the active root. */
  file(path: string): Buffer {
    return readFileSync(join(this.#directory, 'root', path))
  }
}
