import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { defaultProfile } from '../../src/chunking/profile.ts'
import { Repository } from '../../src/repository/repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { casyncIndex } from '../support/casync-index.ts'
import { startNginx } from '../support/nginx.ts'
import { hasProgram, isRoot } from '../support/programs.ts'
import { runClient } from '../support/run-client.ts'
import { Device, keep, Scenario } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'

// Machines, servers and tools around us that are not made for tests.

async function twoReleases(): Promise<{ scenario: Scenario; device: Device }> {
  const scenario = await Scenario.create()
  await scenario.release(10, {
    base: (tree) => tree.file('bin/tool', noise(1, 3_000_000)).file('etc/a', 'a').link('lib', 'bin'),
  })
  const device = await scenario.machine()
  return { scenario, device }
}

test.skipIf(!hasProgram('nginx'))('nginx alone serves a repository', async () => {
  const { scenario } = await twoReleases()
  await using world = scenario
  await using nginx = await startNginx(world.repository, join(world.directory, 'nginx'))
  const device = await world.machine({ url: nginx.url })
  await device.update()
  device.expectRelease(10)
  await world.release(11, { base: (tree) => tree.file('bin/other', noise(2, 500_000)) })
  expect(await device.update()).toMatchObject({ to: 11, changed: true })
  device.expectRelease(11)
  expect(await device.open().check()).toMatchObject({ move: false, requests: expect.any(Number) as number })
})

test.skipIf(!hasProgram('casync'))('casync reads the chunks as they lie', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(1, {
    base: (tree) => {
      tree.file('large', noise(1, 5_000_000)).file('text', 'all work and no play\n'.repeat(50_000))
      for (let i = 0; i < 300; i++) tree.file(`small/${i}`, noise(i, 3000))
    },
  })
  const repository = new Repository(scenario.store, await loadState(scenario.store))
  const module = (await repository.release(1)).modules['base']
  if (module === undefined) throw new Error('the release has no module')
  const { chunkTable, entries } = await repository.manifest(module)
  const at = (name: string): string => join(scenario.directory, name)
  writeFileSync(at('stream.caibx'), casyncIndex(chunkTable, defaultProfile.maxBytes))
  execFileSync('casync', [
    'extract',
    `--store=${scenario.repository}/chunks`,
    at('stream.caibx'),
    at('stream'),
  ])
  const stream = readFileSync(at('stream'))
  let files = 0
  for await (const { entry } of entries) {
    if (entry.type !== 'file') continue
    const content = readFileSync(join(scenario.tree(1, 'base'), entry.path))
    expect(stream.subarray(entry.offset, entry.offset + entry.size).equals(content), entry.path).toBe(true)
    files++
  }
  expect(files).toBe(302)
})

test('of two clients on one machine, the second is turned away', async () => {
  const { scenario, device } = await twoReleases()
  await using world = scenario
  await device.update()
  await world.release(11, { base: (tree) => tree.file('bin/tool', noise(2, 1_000_000)) })
  const first = device.open({
    onPhase: (phase) => {
      if (phase !== 'contents') return
      const { stdout } = spawnSync(
        process.execPath,
        [new URL('../support/client-process.ts', import.meta.url).pathname, device.directory, 'update'],
        { encoding: 'utf8' },
      )
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'MACHINE_BUSY' } })
      expect(() => device.open().rollback()).toThrow(expect.objectContaining({ code: 'MACHINE_BUSY' }))
    },
  })
  expect(await first.update()).toMatchObject({ to: 11 })
  device.expectRelease(11)
  expect(await device.update()).toMatchObject({ changed: false })
})

test.skipIf(!isRoot)(
  'a machine whose disk is full stays as it is, and goes on when there is room',
  async () => {
    const { scenario, device: template } = await twoReleases()
    await using world = scenario
    await template.update()
    const mount = join(world.directory, 'small')
    mkdirSync(mount)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=7m', 'vend-test', mount])
    onTestFinished(() => void spawnSync('umount', [mount]))
    execFileSync('cp', ['-a', `${template.directory}/.`, mount])
    const device = new Device(world, mount)
    device.expectRelease(10)
    await world.release(11, {
      base: (tree) => tree.file('bin/more', noise(3, 4_000_000)).file('etc/a', 'changed'),
    })
    for (let tries = 0; tries < 2; tries++) {
      const answer = await runClient(mount, 'update')
      expect(answer.error).toMatchObject({ code: 'TREE_FULL' })
      device.expectRelease(10)
      expect(await device.open().check()).toMatchObject({ installed: 10, version: 11 })
    }
    execFileSync('mount', ['-o', 'remount,size=64m', mount])
    expect(await runClient(mount, 'update')).toMatchObject({ result: { to: 11 } })
    device.expectRelease(11)
    execFileSync('umount', [mount])
  },
)

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']

test.skipIf(!isRoot)('an ordinary user has the tree, and is told what it cannot have', async () => {
  await using world = await Scenario.create()
  await world.release(10, {
    base: (tree) =>
      tree
        .file('bin/su', noise(1, 100_000), { mode: 0o4755 })
        .file('etc/shadow', 'secret', { mode: 0 })
        .file('etc/conf', 'conf', { mode: 0o444 })
        .file('usr/share/locked', noise(2, 80_000), { mode: 0 })
        .file('opt/read-only/file', 'x')
        .dir('opt/read-only', 0o555)
        .dir('', 0o555)
        .shell(
          'mknod null c 1 3; chown 1:2 bin/su; chmod 4755 bin/su; setfattr -n security.note -v x bin/su',
        ),
  })
  await world.release(11, {
    base: (tree) => tree.file('opt/read-only/more', 'y').file('etc/conf', 'new', { mode: 0o444 }),
  })
  await world.release(12, { base: (tree) => tree.remove('opt/read-only/more').remove('opt/read-only/file') })
  chmodSync(world.directory, 0o755)
  const device = await world.machine()
  const { setChannel } = await import('../../src/repository/set-channel.ts')
  const { rollBackChannel } = await import('../../src/repository/roll-back-channel.ts')
  let installed = 0
  const go = async (version: number): Promise<void> => {
    const context = { store: world.store, keys: world.keys, now: new Date() }
    if (version > installed) await setChannel({ channel: 'stable', version }, context)
    else await rollBackChannel({ channel: 'stable', to: version, reason: 'as a test' }, context)
    installed = version
    const answer = await runClient(device.directory, 'update', { wrapper: nobody })
    expect(answer).toMatchObject({ result: { to: version, kept: [] } })
    expect(answer.result?.['notKept']).toMatchObject({
      owner: { firstPath: 'bin/su' },
      device: { count: 1, firstPath: 'null' },
      setuid: { count: 1, firstPath: 'bin/su' },
    })
  }
  execFileSync('chown', ['-R', '65534:65534', device.directory])
  for (const version of [10, 11, 10, 12]) {
    await go(version)
    const mode = (path: string): number => statSync(join(device.root, path)).mode & 0o7777
    expect([mode('bin/su'), mode('etc/shadow'), mode('opt/read-only'), mode('')]).toEqual([
      0o755, 0, 0o555, 0o555,
    ])
    expect(readFileSync(join(device.root, 'bin/su')).equals(noise(1, 100_000))).toBe(true)
    expect(readFileSync(join(device.root, 'etc/shadow'), 'utf8')).toBe('secret')
    expect(readFileSync(join(device.root, 'etc/conf'), 'utf8')).toBe(version === 10 ? 'conf' : 'new')
  }
  expect(readdirSync(join(device.root, 'opt/read-only'))).toEqual([])
})

test('a machine may lie behind symbolic links, and in a directory with an odd name', async () => {
  const { scenario } = await twoReleases()
  await using world = scenario
  mkdirSync(join(world.directory, 'real'))
  execFileSync('ln', ['-s', 'real', join(world.directory, 'link')])
  const device = await world.machine({ directory: join(world.directory, 'link', 'mäch ine\n%s') })
  await device.update()
  device.expectRelease(10)
  await world.release(11, { base: keep })
  await device.update()
  device.expectRelease(11)
})
