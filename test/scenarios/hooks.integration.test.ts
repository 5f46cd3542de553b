import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Hook } from '../../manifests/release.ts'
import { addPrograms } from '../support/add-programs.ts'
import { runClient } from '../support/run-client.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import type { TreeRecipe } from '../support/tree-recipe.ts'

let scenario: Scenario
let version = 0

beforeAll(async () => {
  scenario = await Scenario.create()
  await release({ hooks: [script('first', 'echo one > /etc/made; echo two > /var/made')] })
})

afterAll(async () => scenario[Symbol.asyncDispose]())

function script(name: string, text: string): Hook {
  return { name, run: ['/bin/sh', '-c', text] }
}

/** The next release: a root in which a shell runs, with what `build` adds, and these hooks. */
async function release({
  hooks,
  build,
}: {
  readonly hooks?: readonly Hook[]
  readonly build?: (tree: TreeRecipe) => unknown
}): Promise<number> {
  version++
  const plain = (tree: TreeRecipe): unknown =>
    existsSync(join(tree.path, 'bin/sh'))
      ? tree
      : addPrograms(tree, 'sh', 'cat', 'ls', 'rm', 'sleep', 'id', 'readlink', 'env', 'mv', 'ln')
          .dir('var')
          .file('etc/config', 'as released\n')
          .file('etc/users', 'root\n')
          .file('var/data', 'data\n')
  await scenario.release(version, {
    base: {
      tree: (tree) => {
        plain(tree)
        build?.(tree)
      },
      ...(hooks !== undefined && { traits: { hooks } }),
    },
  })
  return version
}

function read(device: Device, path: string): string {
  return readFileSync(join(device.root, path), 'utf8')
}

async function installed(): Promise<Device> {
  const device = await scenario.machine()
  await device.update()
  return device
}

describe('what hooks make', () => {
  test('is there, is no damage, and is told apart', async () => {
    await release({
      hooks: [
        script('first', 'echo one > /etc/made; echo two > /var/made'),
        script('second', 'echo changed >> /var/data; rm /etc/config; ln -s made /var/link'),
      ],
    })
    const device = await scenario.machine()
    const result = await device.update()
    expect(result.hooks.map(({ name, module }) => `${name} of ${module}`)).toEqual([
      'first of base',
      'second of base',
    ])
    expect([read(device, 'etc/made'), read(device, 'var/data')]).toEqual(['one\n', 'data\nchanged\n'])
    const { findings, damaged } = await device.verify()
    expect(damaged).toBe(0)
    expect(findings.map(({ path, problem, hooks }) => [path, problem, hooks])).toEqual([
      ['etc', 'different', 'as-left'],
      ['etc/config', 'missing', 'as-left'],
      ['etc/made', 'unknown', 'as-left'],
      ['var', 'different', 'as-left'],
      ['var/data', 'different', 'as-left'],
      ['var/link', 'unknown', 'as-left'],
      ['var/made', 'unknown', 'as-left'],
    ])
    expect(result.madeByHooks).toBe(findings.length)
  })

  test('stays when something else is repaired, and damage to it is told', async () => {
    await release({ hooks: [script('one', 'echo one > /var/made; echo more >> /var/data')] })
    const device = await installed()
    rmSync(join(device.root, 'bin/id'))
    expect((await device.verify(true)).repaired).toEqual(['bin', 'bin/id'])
    expect(read(device, 'var/made')).toBe('one\n')
    writeFileSync(join(device.root, 'var/made'), 'other\n')
    writeFileSync(join(device.root, 'var/data'), 'broken\n')
    const { findings } = await device.verify()
    expect(findings.filter(({ path }) => path.startsWith('var/'))).toMatchObject([
      { path: 'var/data', problem: 'different' },
      { path: 'var/made', problem: 'different', hooks: 'changed' },
    ])
    expect((await device.verify(true)).repaired).toEqual(['var/data'])
    expect([read(device, 'var/data'), read(device, 'var/made')]).toEqual(['data\n', 'other\n'])
    rmSync(join(device.root, 'var/made'))
    expect((await device.verify()).findings).toContainEqual(
      expect.objectContaining({ path: 'var/made', problem: 'missing', hooks: 'changed' }),
    )
  })

  test('does not come along into the next root, and is no local change', async () => {
    await release({
      hooks: [script('one', 'echo made > /etc/made; echo x > /var/made; echo daemon >> /etc/users')],
    })
    const device = await installed()
    await release({ build: (tree) => tree.file('var/data', 'new data\n') })
    const { kept, hooks } = await device.update()
    expect([kept, hooks]).toEqual([[], []])
    device.expectRelease(version)
    await release({})
    await device.update()
    device.expectRelease(version)
  })

  test("is the owner's once the owner has changed it", async () => {
    await release({
      hooks: [script('one', 'echo made > /etc/made; echo daemon >> /etc/users')],
    })
    const device = await installed()
    writeFileSync(join(device.root, 'etc/made'), 'mine\n')
    writeFileSync(join(device.root, 'etc/users'), 'root\ndaemon\nme\n')
    await release({ hooks: [script('two', 'cat /etc/users > /var/seen; echo more >> /etc/users')] })
    await device.update()
    expect([read(device, 'etc/made'), read(device, 'var/seen')]).toEqual(['mine\n', 'root\ndaemon\nme\n'])
    expect(read(device, 'etc/users')).toBe('root\ndaemon\nme\nmore\n')
    await release({})
    await device.update()
    expect(read(device, 'etc/users')).toBe('root\ndaemon\nme\nmore\n')
  })

  test('is kept apart from what the release has under several names', async () => {
    await release({
      build: (tree) => tree.file('var/a', 'same\n').hardlink('var/b', 'var/a').file('var/c', 'c\n'),
      hooks: [script('one', 'echo more >> /var/a; ln /var/c /var/d')],
    })
    const device = await installed()
    const { damaged, findings } = await device.verify()
    expect(damaged).toBe(0)
    expect(findings.map(({ path }) => path)).toEqual(['var', 'var/a', 'var/d'])
    expect(read(device, 'var/b')).toBe('same\nmore\n')
    await release({ build: (tree) => tree.remove('var/a').remove('var/b').remove('var/c') })
    await device.update()
    device.expectRelease(version)
  })
})

describe('where hooks run', () => {
  test('there is nothing of the machine but the kernel, and nothing stays mounted', async () => {
    await release({
      hooks: [
        script('ns', 'readlink /proc/self/ns/* > /var/ns; echo $$ > /var/pid'),
        script('env', 'env > /var/env; echo scratch > /tmp/x; echo y > /run/y; echo z > /dev/null'),
        script('input', 'cat > /var/input'),
      ],
    })
    const before = readFileSync('/proc/self/mounts', 'utf8')
    const device = await installed()
    expect(readFileSync('/proc/self/mounts', 'utf8')).toBe(before)
    const own = readdirSync('/proc/self/ns').map((name) => readlinkSync(`/proc/self/ns/${name}`))
    const theirs = read(device, 'var/ns').split('\n')
    for (const kind of ['mnt', 'pid', 'ipc', 'uts', 'net']) {
      expect(theirs.some((each) => each.startsWith(kind))).toBe(true)
      expect(theirs.find((each) => each.startsWith(kind))).not.toBe(own.find((each) => each.startsWith(kind)))
    }
    expect(Number(read(device, 'var/pid'))).toBeLessThan(20)
    expect(read(device, 'var/input')).toBe('')
    const env = read(device, 'var/env').trim().split('\n').sort()
    expect(env.filter((line) => !line.startsWith('PWD='))).toEqual([
      'HOME=/root',
      'LANG=C.UTF-8',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'VEND_HOOK=env',
      'VEND_MODULE=base',
      `VEND_RELEASE=${version}`,
      'VEND_SLOT=a',
    ])
    for (const name of ['tmp', 'run', 'dev', 'proc']) expect(readdirSync(join(device.root, name))).toEqual([])
  })

  test('what they leave running ends with them', async () => {
    await release({ hooks: [script('daemon', '(sleep 2; echo late > /var/late) > /dev/null 2>&1 &')] })
    const device = await installed()
    await setTimeout(2500)
    expect(existsSync(join(device.root, 'var/late'))).toBe(false)
  })

  test('arguments are passed as they are', async () => {
    const odd = ['-n', '$(rm -rf /)', "a'b", '"; exit 1', 'two\nlines', '', '\u{1f980}', '--']
    await release({
      hooks: [
        { name: 'odd', run: ['/bin/sh', '-c', 'for a; do echo "[$a]"; done > /var/args', 'sh', ...odd] },
      ],
    })
    const device = await installed()
    expect(read(device, 'var/args')).toBe(odd.map((each) => `[${each}]\n`).join(''))
  })

  test('a release cannot lead the mounts out of its root', async () => {
    await release({
      build: (tree) => tree.remove('tmp').remove('run').link('tmp', '/etc').link('run', '../../..'),
      hooks: [script('one', 'echo x > /var/x')],
    })
    const names = readdirSync('/etc')
    expect((await installed()).root).toBeDefined()
    expect(readdirSync('/etc')).toEqual(names)
    await release({
      build: (tree) => tree.remove('tmp').remove('run').dir('tmp').dir('run'),
    })
  })

  test('a machine without root runs them in a user namespace', async () => {
    await release({ hooks: [script('who', 'id -u > /var/who')] })
    const device = await scenario.machine()
    execFileSync('chown', ['-R', '65534:65534', device.directory])
    execFileSync('chmod', ['a+rx', scenario.directory])
    const wrapper = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const { error } = await runClient(device.directory, 'update', { wrapper })
    expect(error).toBeUndefined()
    expect(read(device, 'var/who')).toBe('0\n')
    expect(statSync(join(device.root, 'var/who')).uid).toBe(65534)
  })
})

describe('a hook that fails', () => {
  async function failing(hook: Hook, options = {}): Promise<{ device: Device; message: string }> {
    await release({})
    const device = await installed()
    const before = version
    await release({ hooks: [script('fine', 'echo x > /etc/x'), hook] })
    const error = await device.update(options).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    )
    expect(error).toMatchObject({ code: 'HOOK_FAILED' })
    device.expectRelease(before)
    expect(device.open().installed()).toBe(before)
    await expect(device.update(options)).rejects.toMatchObject({ code: 'HOOK_FAILED' })
    await release({})
    await device.update()
    device.expectRelease(version)
    return { device, message: error?.message ?? '' }
  }

  test('is no switch, and says what it said', async () => {
    const { message } = await failing(script('broken', 'echo begin; echo "no \u001b[31mmodules" >&2; exit 3'))
    expect(message).toMatch(/hook "broken" of the module base failed: \/bin\/sh ended with 3/)
    expect(message).toContain('no \uFFFD[31mmodules')
  })

  test('says the end of much', async () => {
    const { message } = await failing(
      script('loud', 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; exit 1'),
    )
    expect(message).toContain('line 19999')
    expect(message.length).toBeLessThan(2000)
  })

  test('because its program is missing is told before any runs', async () => {
    const { message } = await failing({ name: 'gone', run: ['/usr/sbin/depmod', '-a'] })
    expect(message).toMatch(/"gone".*\/usr\/sbin\/depmod is not in the new root/)
  })

  test('because its program is none is told', async () => {
    expect((await failing({ name: 'data', run: ['/var/data'] })).message).toMatch(/may not be executed/)
    expect((await failing({ name: 'directory', run: ['/var'] })).message).toMatch(/is not a file/)
  })

  test('by a signal, or by taking too long, has failed', async () => {
    expect((await failing(script('killed', 'kill -9 $$'))).message).toMatch(/ended with/)
    const { message } = await failing(script('slow', 'echo waiting; sleep 600'), { hookSeconds: 1 })
    expect(message).toMatch(/had not ended after 1 seconds, and was stopped.*\n?waiting/)
  })
})

describe('an interruption', () => {
  test('of the client ends the hook, and the same call begins again', async () => {
    await release({})
    const device = await installed()
    const before = version
    await release({ hooks: [script('slow', 'echo x > /var/begun; sleep 3; echo y > /var/ended')] })
    const controller = new AbortController()
    const running = device.update({
      signal: controller.signal,
      onPhase: (phase) => {
        if (phase === 'hooks') void setTimeout(700).then(() => controller.abort(new Error('stopped')))
      },
    })
    await expect(running).rejects.toThrow('stopped')
    device.expectRelease(before)
    await setTimeout(3500)
    expect(existsSync(join(device.directory, 'roots/b/var/ended'))).toBe(false)
    await device.update()
    expect(read(device, 'var/ended')).toBe('y\n')
  })

  test.each(['root', 'nobody'])('a client that is killed as %s takes its hooks along', async (user) => {
    await release({ hooks: [script('slow', 'sleep 2; echo late > /var/late')] })
    const device = await scenario.machine()
    execFileSync('chmod', ['a+rx', scenario.directory])
    if (user === 'nobody') execFileSync('chown', ['-R', '65534:65534', device.directory])
    const wrapper =
      user === 'root' ? [] : ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const script_ = fileURLToPath(new URL('../support/client-process.ts', import.meta.url))
    const command = [...wrapper, process.execPath, script_, device.directory, 'update']
    const child = spawn(command[0] ?? '', command.slice(1), { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('close', resolve))
    const root = join(device.directory, 'roots/a')
    while (!isHooking(root)) await setTimeout(50)
    child.kill('SIGKILL')
    await ended
    await setTimeout(2500)
    expect(existsSync(join(root, 'var/late'))).toBe(false)
    expect(existsSync(device.root)).toBe(false)
    if (user === 'root') {
      await device.update()
      expect(read(device, 'var/late')).toBe('late\n')
    }
  })
})

/** Whether some process has the directory for its root. */
function isHooking(root: string): boolean {
  const wanted = statSync(root, { throwIfNoEntry: false })
  return readdirSync('/proc').some((pid) => {
    try {
      const { dev, ino } = statSync(`/proc/${pid}/root/.`)
      return /^\d+$/.test(pid) && dev === wanted?.dev && ino === wanted.ino
    } catch {
      return false
    }
  })
}

test('of several modules come in the order of what these include, and each once', async () => {
  version++
  const hook = (name: string, what: string): Hook => script(name, `echo ${what} >> /var/order`)
  const shared = { name: 'shared', run: ['/bin/sh', '-c', 'echo shared >> /var/order'] }
  const empty = (tree: TreeRecipe): unknown => tree.dir('var')
  await scenario.release(version, {
    aaa: {
      tree: empty,
      includes: ['zzz'],
      traits: { hooks: [hook('a', 'aaa'), { ...shared, name: 'again' }] },
    },
    base: { traits: { hooks: [hook('b', 'base')] } },
    zzz: { tree: empty, includes: ['base'], traits: { hooks: [shared, hook('z', 'zzz')] } },
  })
  const device = await scenario.machine()
  const { hooks } = await device.update()
  expect(read(device, 'var/order')).toBe('base\nzzz\naaa\nshared\n')
  expect(hooks.map(({ module, name }) => `${module} ${name}`)).toEqual([
    'base b',
    'zzz z',
    'aaa a',
    'aaa again',
  ])
})
