import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensurePacks, stepsBetween } from '../../src/delivery/release-packs.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { runClient } from '../support/run-client.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise, type TreeRecipe } from '../support/tree-recipe.ts'

let scenario: Scenario
let empty: Device
let one: Device
const kernel = noise(1, 3_000_000)
/** The same with something else in the middle. */
const newer = Buffer.concat([kernel.subarray(0, 1_500_000), noise(2, 10_000), kernel.subarray(1_500_000)])

beforeAll(async () => {
  scenario = await Scenario.create()
  const base = (tree: TreeRecipe): unknown =>
    tree.file('etc/config', 'as released\n').file('image', 'no image')
  await scenario.release(1, { base, kernel: { image: kernel } })
  empty = await scenario.machine()
  one = scenario.copyOf(empty)
  await one.update()
  await scenario.release(2, {
    base: (tree) => tree.file('lib/new', 'new'),
    kernel: { image: newer },
  })
})

afterAll(async () => scenario[Symbol.asyncDispose]())

/** The image that goes with the active root, whatever the slot. */
function active(device: Device): Buffer {
  return readFileSync(join(device.directory, 'active/image-kernel'))
}

function expectPair(device: Device, version: 1 | 2): void {
  device.expectRelease(version)
  expect(active(device).equals(version === 1 ? kernel : newer)).toBe(true)
}

/** Two loop devices over files of these sizes, as long as `work` takes. */
async function withDevices(bytes: number, work: (a: string, b: string) => Promise<void>): Promise<void> {
  const files = ['a', 'b'].map((name) => join(scenario.directory, `disk-${name}`))
  const devices: string[] = []
  try {
    for (const file of files) {
      writeFileSync(file, '')
      truncateSync(file, bytes)
      devices.push(execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim())
    }
    await work(devices[0] ?? '', devices[1] ?? '')
  } finally {
    for (const device of devices) execFileSync('losetup', ['--detach', device])
  }
}

describe('an image', () => {
  test('is written beside the root, switched with it, and not a part of it', async () => {
    const device = scenario.copyOf(one)
    expectPair(device, 1)
    expect(readlinkSync(device.root)).toBe('active/root')
    const result = await device.update()
    expectPair(device, 2)
    expect(result.images).toMatchObject([{ module: 'kernel', written: true, bytes: newer.length }])
    expect(result.fetchedChunks).toBeLessThan(6)
    device.open().rollback()
    expectPair(device, 1)
    device.open().rollback()
    expectPair(device, 2)
    expect(await device.verify()).toMatchObject({ damaged: 0, findings: [] })
  })

  test('comes by a pack where there is one, as a difference from the one before', async () => {
    const { store } = scenario
    const repository = new Repository(store, await loadState(store))
    const steps = stepsBetween(await repository.release(1), await repository.release(2), ['kernel'])
    const [pack] = await Array.fromAsync(ensurePacks(store, repository, steps, { threads: 1 }))
    expect(pack?.bytes).toBeLessThan(20_000)
    const device = scenario.copyOf(one)
    const { deliveries, packedBytes } = await device.update()
    expectPair(device, 2)
    expect(packedBytes).toBe(newer.length)
    await store.delete(pack?.key ?? '')
    expect(deliveries).toContainEqual(expect.objectContaining({ module: 'kernel', means: 'pack', packs: 1 }))
  })

  test('that is gone keeps a machine from rolling back to its root', async () => {
    const device = scenario.copyOf(one)
    await device.update()
    rmSync(join(device.directory, 'images/kernel.a'))
    expect(() => device.open().rollback()).toThrow(/images\/kernel\.a, .*, is not there/)
    expectPair(device, 2)
  })

  test('that is damaged is told and repaired in its place', async () => {
    const device = scenario.copyOf(one)
    const path = join(device.directory, 'images/kernel.a')
    const fd = openSync(path, 'r+')
    writeSync(fd, 'damage', 2_000_000)
    closeSync(fd)
    expect(await device.verify()).toMatchObject({
      damaged: 1,
      images: [{ module: 'kernel', problem: 'different', repaired: false }],
    })
    expect((await device.verify(true)).images).toMatchObject([{ repaired: true }])
    expectPair(device, 1)
    rmSync(path)
    expect((await device.verify(true)).images).toMatchObject([{ problem: 'missing', repaired: true }])
    expectPair(device, 1)
  })

  test('that nothing changed about is not fetched again, and one that no module has any more goes', async () => {
    const device = scenario.copyOf(one)
    device.open().setModules(() => ['base'])
    await device.update()
    expect(existsSync(join(device.directory, 'active/image-kernel'))).toBe(false)
    await device.update()
    device.open().setModules(() => ['base', 'kernel'])
    await device.update()
    expectPair(device, 2)
    device.open().setModules(() => ['base'])
    await scenario.release(3, { base: (tree) => tree.file('lib/newer', 'x'), kernel: { image: newer } })
    await device.update()
    await scenario.release(4, { base: (tree) => tree.file('lib/newest', 'x'), kernel: { image: newer } })
    await device.update()
    expect(readdirSync(join(device.directory, 'images'))).toEqual([])
  })
})

describe('places', () => {
  test('may be block devices, and are verified there', async () => {
    await withDevices(4 << 20, async (a, b) => {
      const device = await scenario.machine()
      device.open().setImagePlaces('kernel', { a, b })
      await device.update()
      expect(active(device).subarray(0, newer.length).equals(newer)).toBe(true)
      expect(readlinkSync(join(device.directory, 'active/image-kernel'))).toBe(a)
      await scenario.release(5, { base: (tree) => tree.file('lib/5', '5'), kernel: { image: kernel } })
      await device.update()
      expect(readFileSync(b).subarray(0, kernel.length).equals(kernel)).toBe(true)
      expect(readFileSync(a).subarray(0, newer.length).equals(newer)).toBe(true)
      const fd = openSync(b, 'r+')
      writeSync(fd, 'damage', 5)
      closeSync(fd)
      expect((await device.verify(true)).images).toMatchObject([{ place: b, repaired: true }])
      expect(await device.verify()).toMatchObject({ damaged: 0 })
    })
  })

  test('that are too small, missing or of another kind are told before anything changes', async () => {
    const before = readFileSync(join(one.directory, 'slots/a.json'))
    const refused = async (a: string, b: string, code: string, text: RegExp): Promise<void> => {
      const device = scenario.copyOf(one)
      device.open().setImagePlaces('kernel', { a, b })
      const error = await device.update().then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      )
      expect(error).toMatchObject({ code })
      expect(error?.message).toMatch(text)
      expect(readdirSync(join(device.directory, 'roots'))).toEqual(['a'])
      expect(readFileSync(join(device.directory, 'slots/a.json'))).toEqual(before)
    }
    const directory = join(scenario.directory, 'somewhere')
    mkdirSync(directory)
    await refused('/dev/vend-a', '/dev/vend-b', 'IMAGE_PLACE_INVALID', /\/dev\/vend-b.* is not there/)
    await refused(
      '/dev/zero',
      '/dev/null',
      'IMAGE_PLACE_INVALID',
      /neither a regular file nor a block device/,
    )
    await refused('/srv/x', directory, 'IMAGE_PLACE_INVALID', /neither a regular file nor a block device/)
    await withDevices(1 << 20, async (a, b) => {
      await refused(a, b, 'IMAGE_PLACE_TOO_SMALL', /has 1048576 bytes, and the image \d+/)
    })
  })

  test('are not shared', async () => {
    const device = scenario.copyOf(one)
    const machine = device.open()
    expect(() => machine.setImagePlaces('kernel', { a: '/srv/x', b: '/srv/x' })).toThrow(
      /place of two images/,
    )
    machine.setImagePlaces('kernel', { a: '/srv/x', b: '/srv/y' })
    expect(() => machine.setImagePlaces('initrd', { a: '/srv/z', b: '/srv/y' })).toThrow(/kernel and initrd/)
    machine.setImagePlaces('kernel', { a: '/srv/x', b: join(device.directory, 'images/kernel.a') })
    await expect(device.update()).rejects.toMatchObject({ code: 'IMAGE_PLACE_INVALID' })
  })
})

test('an update killed at any moment leaves the old pair or the new one, and can be run again', async () => {
  await scenario.release(6, { base: (tree) => tree.file('lib/new', 'new 6'), kernel: { image: newer } })
  const isPair = (device: Device): boolean => {
    if (device.isRelease(1)) return active(device).equals(kernel)
    return device.isRelease(6) && active(device).equals(newer)
  }
  const whole = await runClient(scenario.copyOf(one).directory, 'update')
  expect(whole.error).toBeUndefined()
  for (const kind of ['phase', 'change', 'progress'] as const) {
    const total = whole.events[kind]
    for (let event = 1; event <= total; event += Math.ceil(total / 14)) {
      const victim = scenario.copyOf(one)
      const { signal } = await runClient(victim.directory, 'update', { killAt: { kind, event } })
      expect(signal).toBe('SIGKILL')
      expect(isPair(victim), `${kind} ${event}`).toBe(true)
      await victim.update()
      victim.expectRelease(6)
      expect(active(victim).equals(newer)).toBe(true)
      scenario.forget(victim)
    }
  }
})
