import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Scenario } from '../support/scenario.ts'

const isRoot = process.geteuid?.() === 0
if (!isRoot) process.stderr.write('mounts.integration: skipped, not root\n')

test.skipIf(!isRoot)(
  'an update touches nothing while something is mounted in the root it would build',
  async () => {
    await using world = await Scenario.create()
    await world.release(1, { base: (tree) => tree.dir('home').file('etc/conf', '1') })
    const device = await world.machine()
    await device.update()
    await world.release(2, { base: (tree) => tree.file('etc/other', '1') })
    await device.update()
    const precious = join(world.directory, 'precious')
    mkdirSync(join(precious, 'alice'), { recursive: true })
    writeFileSync(join(precious, 'alice/thesis'), 'years of work')
    const slot = join(device.directory, 'roots/a')
    const home = join(slot, 'home')
    execFileSync('mount', ['--bind', precious, home])
    let mounted = true
    const unmount = (): void => {
      if (mounted) execFileSync('umount', [home])
      mounted = false
    }
    onTestFinished(unmount)
    await world.release(3, { base: (tree) => tree.remove('home').file('etc/conf', '3') })
    await expect(device.update()).rejects.toMatchObject({ code: 'TREE_BUSY', path: 'home', tree: slot })
    expect(readFileSync(join(precious, 'alice/thesis'), 'utf8')).toBe('years of work')
    expect(readFileSync(join(slot, 'etc/conf'), 'utf8')).toBe('1')
    expect(existsSync(join(slot, 'etc/other'))).toBe(false)
    expect(device.open().status().slots.a?.version).toBe(1)
    unmount()
    await device.update()
    device.expectRelease(3)
    expect(readFileSync(join(precious, 'alice/thesis'), 'utf8')).toBe('years of work')
  },
)
