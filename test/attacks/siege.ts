import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { digestOf } from '../../manifests/digest.ts'
import type { Slot } from '../../src/client/machine-layout.ts'
import type { SlotRecord } from '../../src/client/machine-state.ts'
import type { FileServer } from '../support/file-server.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'
import { Forge } from './forge.ts'

/** What an attacker would like to see installed: none of it may ever lie on a machine. */
export const unsigned = 'bytes that nobody has signed'

/**
 * A repository that the real publisher made (releases 10 and 11, modules `base` and `tools`), a machine that runs
 * release 10, and a server in the hands of the attacker:
 *
 *     await using siege = await Siege.begin()
 *     siege.server.rewrite = …
 *     await siege.expectRefused('UNTRUSTED')
 */
export class Siege implements AsyncDisposable {
  readonly scenario: Scenario
  readonly server: FileServer
  readonly #device: Device
  readonly #victims: Device[] = []

  private constructor(scenario: Scenario, server: FileServer, device: Device) {
    this.scenario = scenario
    this.server = server
    this.#device = device
  }

  static async begin(): Promise<Siege> {
    const scenario = await Scenario.create()
    const server = await scenario.serve()
    await scenario.release(10, {
      base: (tree) => tree.file('bin/tool', noise(1, 100_000)).file('etc/conf', 'as in release 10\n'),
      tools: (tree) => tree.file('bin/extra', noise(2, 90_000)),
    })
    const device = await scenario.machine()
    await device.update()
    const siege = new Siege(scenario, server, device)
    siege.save('release 10')
    await scenario.release(11, {
      base: (tree) => tree.file('bin/tool', noise(3, 100_000)).file('etc/conf', 'as in release 11\n'),
      tools: (tree) => tree.file('bin/extra', noise(4, 90_000)),
    })
    siege.save('release 11')
    return siege
  }

  /** Keeps the repository as it is under a name. */
  save(name: string): void {
    execFileSync('cp', ['-a', this.scenario.repository, this.#saved(name)])
  }

  /** The repository as it was, an honest server, and no machines but new ones. */
  restore(name = 'release 11'): void {
    this.server.behave()
    this.server.forget()
    for (const victim of this.#victims.splice(0)) this.scenario.forget(victim)
    this.serve(name)
  }

  /** Puts a repository that was saved in the place of the one that is served. */
  serve(name: string): void {
    execFileSync('rm', ['-rf', this.scenario.repository])
    execFileSync('cp', ['-a', this.#saved(name), this.scenario.repository])
  }

  /** What a file of a saved repository holds; undefined where there is none. */
  read(name: string, path: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#saved(name), path))
    } catch {
      return undefined
    }
  }

  /** Signs with all the publisher's keys whatever it is told to, beginning with what is served now. */
  forge(): Forge {
    return new Forge(this.scenario.repository, this.scenario.keys.directory)
  }

  /** A machine that has release 10, and the metadata of that time. */
  victim(): Device {
    const victim = this.scenario.copyOf(this.#device)
    this.#victims.push(victim)
    return victim
  }

  /** A machine that has nothing but the root it came with. */
  async newcomer(options: Parameters<Scenario['machine']>[0] = {}): Promise<Device> {
    const newcomer = await this.scenario.machine(options)
    this.#victims.push(newcomer)
    return newcomer
  }

  /** The update fails with the code, what is installed and trusted stays, and nothing unsigned is anywhere. */
  async expectRefused(code: string, victim = this.victim()): Promise<void> {
    const trusted = trustedBy(victim)
    await this.expectNotInstalled(code, victim)
    expect(trustedBy(victim)).toEqual(trusted)
  }

  /** The same for an attack after the metadata, which is right, and kept. */
  async expectNotInstalled(code: string, victim = this.victim()): Promise<void> {
    const before = installedOn(victim)
    await expect(victim.update()).rejects.toMatchObject({ code })
    expect(installedOn(victim)).toEqual(before)
    if (before !== undefined) victim.expectRelease(before.version)
    expectNothingUnsigned(victim)
  }

  /** Once nobody attacks any more, the machine goes on. */
  async expectRecovery(victim: Device, version = 11): Promise<void> {
    this.server.behave()
    expect(await victim.update()).toMatchObject({ to: version })
    victim.expectRelease(version)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]()
  }

  #saved(name: string): string {
    return join(this.scenario.directory, `saved ${name}`)
  }
}

/** What the active root holds, and which it is. */
export function installedOn(device: Device): (SlotRecord & { readonly slot: Slot }) | undefined {
  const { active, slots } = device.open().status()
  const record = active === undefined ? undefined : slots[active]
  return active === undefined || record === undefined ? undefined : { ...record, slot: active }
}

/** The metadata a machine keeps. A root that verified may be kept (TUF §5.3.8), whatever comes after it. */
export function trustedBy(device: Device): Readonly<Record<string, string>> {
  const trust = join(device.directory, 'trust')
  const names = readdirSync(trust).filter((name) => name.endsWith('.json') && name !== 'root.json')
  return Object.fromEntries(names.map((name) => [name, digestOf(readFileSync(join(trust, name)))]))
}

/** Neither in a root, also one that is being built, nor in a record, nor among what was verified. */
export function expectNothingUnsigned(device: Device): void {
  // What is on its way lies in files of other names, which nothing but their own download looks at.
  const found = spawnSync('grep', ['-rlaF', '--exclude=*.tmp', unsigned, device.directory], {
    encoding: 'utf8',
  })
  expect(found.stdout).toBe('')
  expect(found.status).toBe(1)
}
