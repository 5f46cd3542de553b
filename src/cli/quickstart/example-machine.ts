import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MachineError } from '../../client/errors.ts'
import { MachineState } from '../../client/machine-state.ts'
import { Machine } from '../../client/machine.ts'
import type { CommandContext } from '../command-context.ts'
import { machineProgress } from '../machine-progress.ts'
import type { Example } from './example.ts'

export const exampleMachineDirectory = './machine'

const mark = 'made-by-quickstart'

/** The machine of the quickstart: each run makes it anew. */
export class ExampleMachine {
  readonly machine: Machine
  readonly #directory: string

  /** Throws MACHINE_EXISTS when the directory holds something that no quickstart made. */
  static refuseOthers(): void {
    const directory = resolve(exampleMachineDirectory)
    if (!existsSync(directory) || existsSync(join(directory, mark))) return
    throw new MachineError('MACHINE_EXISTS', `there is something in ${directory} that no quickstart made`, {
      hint: 'move it away, or run the quickstart from another directory',
    })
  }

  constructor({ signal, progress }: CommandContext, url: string, trustedRoot: Uint8Array) {
    this.#directory = resolve(exampleMachineDirectory)
    rmSync(this.#directory, { recursive: true, force: true })
    mkdirSync(this.#directory, { recursive: true })
    // Before anything else: an interrupted run leaves what the next one may remove.
    writeFileSync(join(this.#directory, mark), '')
    Machine.create({ directory: this.#directory, url, trustedRoot, channel: 'stable', modules: 'all' })
    this.machine = new Machine(this.#directory, { signal, ...machineProgress(progress) })
  }

  /** What someone who runs the machine does to its configuration. */
  change({ path, line }: NonNullable<Example['localChange']>): void {
    appendFileSync(join(this.#directory, 'root', path), line)
  }

  /** From now on it asks another server. */
  follow(url: string): void {
    const state = new MachineState(this.#directory)
    state.saveSettings({ ...state.settings(), url })
  }
}
