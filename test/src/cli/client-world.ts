import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { Scenario } from '../../support/scenario.ts'
import { clientHere, type HereOutcome } from './vend-here.ts'

/** A repository with the modules base and web, of which web includes base, and extra; and a place for machines. */
export async function clientWorld(): Promise<Scenario> {
  const world = await Scenario.create()
  await world.release(
    10,
    {
      base: (tree) => tree.file('etc/conf', 'a').file('usr/lib', 'x'.repeat(100_000)),
      web: { includes: ['base'], tree: (tree) => tree.file('web/index', 'w') },
      extra: (tree) => tree.file('extra', 'e'),
    },
    { context: { threads: 1 } },
  )
  await world.serve()
  return world
}

/** One machine and its command line, in this process. */
export class CommandLine {
  readonly directory: string
  readonly world: Scenario
  /** Of the environment, besides the machine's. */
  variables: Readonly<Record<string, string>> = {}

  constructor(world: Scenario) {
    this.world = world
    this.directory = join(mkdtempSync(join(world.directory, 'cli-')), 'machine')
  }

  get env(): Record<string, string> {
    return { VEND_MACHINE: this.directory, ...this.variables }
  }

  async run(...args: readonly string[]): Promise<HereOutcome> {
    return clientHere(args, this.env)
  }

  /** What a command writes that ends with `code` and says nothing on stderr. */
  async text(code: number, ...args: readonly string[]): Promise<string> {
    const outcome = await this.run(...args)
    expect(outcome).toMatchObject({ code, stderr: '' })
    return outcome.stdout
  }

  async json(code: number, ...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.text(code, ...args, '--json')) as unknown
  }

  async init(...args: readonly string[]): Promise<string> {
    const { url } = await this.world.serve()
    return this.text(0, 'init', url, '--trust', digestOf(this.world.trustedRoot), ...args)
  }

  /** The code and the message of a command that fails, and says so in JSON too. */
  async fails(code: number, ...args: readonly string[]): Promise<string> {
    const outcome = await this.run(...args, '--json')
    expect(outcome.code, outcome.stderr).toBe(code)
    const { error } = JSON.parse(outcome.stdout) as { error: { message: string; code: string } }
    expect(outcome.stderr).toContain(`vend-client: ${error.message}`)
    return `${error.code} ${outcome.stderr}`
  }
}
