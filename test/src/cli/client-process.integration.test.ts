import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Scenario } from '../../support/scenario.ts'
import { jsonOf, outcomeOf, startVend, vend } from './vend-process.ts'

test('an update that is interrupted leaves the machine as it was, and the same command goes on', async () => {
  await using world = await Scenario.create()
  await world.release(10, { base: (tree) => tree.file('a', '1') })
  const server = await world.serve()
  const options = { cwd: world.directory, program: 'vend-client', env: { VEND_MACHINE: 'machine' } } as const
  const init = await vend(['init', server.url, '--trust', world.keys.rootPath], options)
  expect(init).toMatchObject({ code: 0, stderr: '' })
  expect(await vend(['update'], options)).toMatchObject({ code: 0, stderr: '' })
  await world.release(20, { base: (tree) => tree.file('b', randomBytes(500_000)) })
  const asked = Promise.withResolvers<void>()
  server.fault = ({ path }) => {
    if (!path.startsWith('chunks/')) return
    asked.resolve()
    return { kind: 'silence' }
  }
  const child = startVend(['update'], options)
  const outcome = outcomeOf(child)
  await asked.promise
  child.kill('SIGINT')
  expect(await outcome).toEqual({
    code: 130,
    signal: null,
    stdout: '',
    stderr:
      'vend-client: interrupted by SIGINT\n' +
      '  hint: the active root is as it was; the same command run again goes on from here\n',
  })
  server.behave()
  expect(jsonOf(await vend(['status', '--json'], options))).toMatchObject({ release: 10 })
  expect(jsonOf(await vend(['update', '--json'], options))).toMatchObject({ from: 10, release: 20 })
  expect(await vend(['verify', '--machine', join(world.directory, 'machine')], options)).toMatchObject({
    code: 0,
  })
})
