import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { placeBelow } from '../../src/sources/place-tree.ts'
import { openSource } from '../../src/sources/open-source.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { parseTreePath } from '../../manifests/tree-path.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'
import { addPrograms } from '../support/add-programs.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise, TreeRecipe } from '../support/tree-recipe.ts'

const prefix = 'usr/lib/machines/app'
const data = noise(5, 400_000)

let scenario: Scenario

/** An application as a container image has it: a small userland, data, and a program. */
function application(version: number): string {
  const tree = new TreeRecipe(join(scenario.directory, `app-${version}`))
  addPrograms(tree, 'sh').file('share/data', data).file('version', `${version}\n`)
  tree.file('bin/app', '#!/bin/sh\nread v < /version\necho "app $v"\n', { mode: 0o755 }).finish()
  return tree.path
}

/** A release of a system, and of the application as it was published out of an OCI image. */
async function release(version: number): Promise<{ readonly chunksUploaded: number }> {
  const base = new TreeRecipe(join(scenario.directory, `base-${version}`))
  base.file('usr/lib/data', data).file('etc/version', `${version}\n`).finish()
  const layout = join(scenario.directory, `oci-${version}`)
  const bundle = join(scenario.directory, `bundle-${version}`)
  const shell = (command: string): unknown => execFileSync('sh', ['-euc', command], { stdio: 'pipe' })
  shell(`umoci init --layout ${layout} && umoci new --image ${layout}:latest`)
  shell(
    `umoci unpack --image ${layout}:latest ${bundle} && cp -a ${application(version)}/. ${bundle}/rootfs/`,
  )
  shell(`umoci repack --image ${layout}:latest ${bundle}`)
  await using image = await openSource(`oci:${layout}`)
  await using app = await placeBelow(image, parseTreePath(prefix))
  return await publishRelease(
    {
      version,
      channel: 'stable',
      modules: [
        { name: 'base', tree: new DirectoryTree(base.path), includes: [] },
        { name: 'app', tree: app.tree, includes: ['base'] },
      ],
    },
    { store: scenario.store, keys: scenario.keys, now: new Date(), threads: 2 },
  )
}

function run(device: Device): string {
  return execFileSync('chroot', [join(device.root, prefix), '/bin/app'], { encoding: 'utf8' })
}

beforeAll(async () => {
  scenario = await Scenario.create()
})

afterAll(async () => scenario[Symbol.asyncDispose]())

test('an application comes out of a container image as a module, runs, is updated and rolled back', async () => {
  await release(1)
  const device = await scenario.machine({ modules: ['base'] })
  await device.update()
  expect(existsSync(join(device.root, prefix))).toBe(false)
  device.open().setModules((modules) => [...modules, 'app'])
  const added = await device.update()
  // The data that the system has, too, is not fetched again.
  expect(added.bytes).toBeLessThan(20_000_000)
  expect(run(device)).toBe('app 1\n')
  expect(existsSync(join(device.root, `${prefix}.oci-config.json`))).toBe(true)
  const { chunksUploaded } = await release(2)
  expect(chunksUploaded).toBeLessThan(4)
  const updated = await device.update()
  expect(updated.fetchedChunks).toBeLessThan(4)
  expect(run(device)).toBe('app 2\n')
  device.open().rollback()
  expect(run(device)).toBe('app 1\n')
  expect(await device.verify()).toMatchObject({ damaged: 0 })
})
