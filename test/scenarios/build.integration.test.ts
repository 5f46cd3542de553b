import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isRoot } from '../support/programs.ts'
import { freePort } from '../support/server-program.ts'
import { builtIn, BuildWorld } from './build-world.ts'

const everything = ['box', 'configuration', 'filesystem', 'hello', 'init', 'libkv', 'timed']

function runIn(root: string, ...command: readonly string[]): string {
  return execFileSync('/usr/sbin/chroot', [root, ...command], { encoding: 'utf8', env: {} })
}

/** What an image says on its serial port before it ends the machine it runs on. */
function boot(image: string): string {
  const machine = ['-accel', 'tcg', '-m', '32', '-nographic', '-nodefaults', '-no-reboot', '-serial', 'stdio']
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1']
  const { stdout, status, error } = spawnSync('qemu-system-x86_64', [...machine, ...exit, '-kernel', image], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  if (error !== undefined) throw error
  // The device makes twice the number, and one more, of what was written to it.
  expect(status).toBe(1)
  return stdout
}

const patienceMs = 15 * 60_000

test.skipIf(!isRoot)(
  'a distribution out of PKGBUILDs: released, installed, changed, updated, booted',
  { timeout: patienceMs },
  async () => {
    await using world = await BuildWorld.create()
    world.copyExample()
    const port = await freePort()
    world.edit('configuration/timed.conf', '8037', String(port))

    const first = await world.buildWell()
    expect(first).toMatchObject({ release: 1, published: true, cost: null })
    expect(builtIn(first)).toEqual(everything)
    expect(first.modules.added).toEqual(['base', 'development', 'hello', 'time'])

    const { machine, directory } = await world.machine()
    const root = join(directory, 'root')
    await machine.update()
    expect(runIn(root, '/usr/bin/version')).toBe('Meadow, an example; box 1.0, libkv 1.0\n')
    expect(runIn(root, '/bin/ls', '/etc').split('\n')).toContain('timed.conf')
    expect(boot(join(directory, 'active/image-hello'))).toContain('hello 1.0\r\n')
    expect(existsSync(join(root, 'boot/hello.elf'))).toBe(false)
    await expectTheTime(root, port)

    // One line of the library, which all programs have in them.
    world.edit('libkv/kv.c', 'return KV_VERSION;', 'return KV_VERSION ", mended";')
    const second = await world.buildWell()
    expect(second).toMatchObject({ release: 2, published: true })
    expect(builtIn(second)).toEqual(['box', 'init', 'libkv', 'timed'])
    expect(second.modules).toEqual({
      added: [],
      changed: ['base', 'development', 'time'],
      removed: [],
      unchanged: ['hello'],
    })
    expect(second.cost).toMatchObject({ from: 1, packs: 3 })
    await machine.update()
    expect(runIn(root, '/usr/bin/version')).toBe('Meadow, an example; box 1.0, libkv 1.0, mended\n')

    world.edit('hello/PKGBUILD', 'pkgver=1.0', 'pkgver=1.1')
    const third = await world.buildWell()
    expect(builtIn(third)).toEqual(['hello'])
    expect(third.modules).toMatchObject({ changed: ['hello'], unchanged: ['base', 'development', 'time'] })
    await machine.update()
    const versions = ['a', 'b'].map((slot) => {
      const said = boot(join(directory, 'images', `hello.${slot}`))
      return /hello (\d\.\d)/.exec(said)?.[1] ?? said
    })
    expect(new Set(versions)).toEqual(new Set(['1.0', '1.1']))
    expect(versions).toHaveLength(2)

    expect(await world.buildWell()).toMatchObject({ release: 3, published: false })
    expect(await world.edge()).toBe(3)

    // The tree that machines got is that which the packages of a build from nothing make.
    rmSync(world.path('build-cache'), { recursive: true })
    const again = await world.buildWell()
    expect(builtIn(again)).toEqual(everything)
    expect(again).toMatchObject({ release: 3, published: false })

    world.edit('box/box.c', 'static int yes(', 'static int yes yes(')
    const failed = await world.build()
    expect(failed.code).toBe(15)
    expect(failed.stderr).toMatch(
      /box 1\.0-1 cannot be built: makepkg ended with exit code 4; its log ends with/,
    )
    expect(failed.stderr).toMatch(/box\.c:\d+:\d+: error: /)
    const log = /the whole log is (.*)/.exec(failed.stderr)?.[1] ?? ''
    expect(readFileSync(log, 'utf8')).toContain('error: ')
    expect(await world.edge()).toBe(3)
  },
)

/** Starts init in a root, as its only way to the service. */
async function expectTheTime(root: string, port: number): Promise<void> {
  const init = spawn('/usr/sbin/chroot', [root, '/usr/bin/init'], { stdio: 'inherit', env: {} })
  try {
    expect(await ask(port, init)).toMatch(
      /^HTTP\/1\.0 200 OK\r\nServer: timed\/1\.0\r\n.*\r\n\r\n\d{4}-\d\d-\d\dT/s,
    )
  } finally {
    const ended = once(init, 'close')
    init.kill('SIGTERM')
    await ended
  }
}

async function ask(port: number, server: ChildProcess): Promise<string> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`init ended with ${server.exitCode}`)
    try {
      return await get(port)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
      await sleep(50)
    }
  }
}

async function get(port: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (more: string) => (text += more))
  socket.write('GET / HTTP/1.0\r\n\r\n')
  await once(socket, 'close')
  return text
}
