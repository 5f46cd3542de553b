import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { outcomeOf } from '../src/cli/vend-process.ts'
import { BuildWorld } from './build-world.ts'

test('--watch publishes what is edited, outlives a failure and ends when it is told to', async () => {
  await using world = await BuildWorld.create()
  world.plainPackage('one', 'first')
  world.plainPackage('two', 'first')
  world.oneModule(['one', 'two'])
  const child = world.startWatching()
  let [told, noted] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (noted += text))
  const ended = once(child, 'close')
  const outcome = outcomeOf(child)
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) {
      if (child.exitCode !== null) throw new Error(`it ended: ${told}${noted}`)
      await sleep(50)
    }
  }
  const rounds = (): number => noted.split('vend: watching').length - 1
  try {
    await until(() => rounds() === 1)
    expect(told + noted).toContain('Published release 1 on channel edge.')

    world.write('two/content', 'second')
    await until(() => rounds() === 2)
    expect(told).toMatch(/Published release 2 on channel edge\.\n *built +two 1-1\n *reused +one 1-1\n/)

    world.edit('one/PKGBUILD', 'package() {', 'build() { echo this is wrong; false; }\npackage() {')
    await until(() => rounds() === 3)
    expect(noted).toMatch(
      /one 1-1 cannot be built: makepkg ended with exit code 4; its log ends with\n.*this is wrong/s,
    )
    expect(await world.edge()).toBe(2)

    world.edit('one/PKGBUILD', 'build() { echo this is wrong; false; }\n', '')
    await until(() => rounds() === 4)
    expect(told).toContain('Nothing changed: release 2 on channel edge stays.')

    world.write('one/content', 'third')
    await until(() => rounds() === 5)
    expect(await world.edge()).toBe(3)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
  expect(await outcome).toMatchObject({ code: 0, signal: null })
})
