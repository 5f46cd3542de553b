import { closeSync, openSync } from 'node:fs'
import { tryLockFile } from '../tree/libc.ts'
import { MachineError } from './errors.ts'
import type { MachineLayout } from './machine-layout.ts'

/** Makes sure that one process at a time changes a machine; ends with the process, however it ends. */
export class MachineLock implements Disposable {
  readonly #fd: number

  /** Throws MACHINE_BUSY. */
  constructor(layout: MachineLayout) {
    this.#fd = openSync(layout.lock, 'a', 0o600)
    if (tryLockFile(this.#fd)) return
    closeSync(this.#fd)
    throw new MachineError(
      'MACHINE_BUSY',
      `another process is working on the machine in ${layout.directory}`,
      {
        hint: 'wait until it has ended',
      },
    )
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
