import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportOci, type OciExport } from '../../../src/export/export-oci.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { differencesBetween, expectSameTree, missingJudges } from '../../support/judge.ts'
import { hasProgram, isRoot } from '../../support/programs.ts'
import { Publisher } from '../../support/publisher.ts'
import { noise } from '../../support/tree-recipe.ts'
import { plainScript, rootScript } from '../tree/nasty-tree.ts'
import { ScratchDirectory } from '../tree/scratch-directory.ts'

const missing = [
  ...missingJudges(),
  ...['skopeo', 'umoci', 'podman'].filter((program) => !hasProgram(program)),
]
const reason = !isRoot ? 'not root' : missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined
if (reason !== undefined) process.stderr.write(`oci-tools.integration: skipped, ${reason}\n`)

/** Without what umoci does not put on disk, whatever an image has (docs/export.md). */
const withoutLosses = [
  /^truncate .*$/gm,
  /truncate -s \w+ (?:head-only|tail)(?:;|$)/gm,
  /^.*security\.selinux.*$/gm,
  /setfattr -n user\.empty big; /g,
]
  .reduce((script, loss) => script.replaceAll(loss, ''), plainScript + rootScript)
  // With the path of podman's storage before it a longer one is none.
  .replace('{1..15}', '{1..10}')

const scratch = new ScratchDirectory()
let publisher: Publisher

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    cwd: scratch.path,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function exported(out: string, tag: string): Promise<OciExport> {
  const repository = await publisher.repository()
  const release = await repository.release(1)
  const request = { release, modules: [], out: scratch.in(out), tags: [tag], compression: 'gzip' } as const
  return exportOci(repository, { ...request, defaultArchitecture: 'amd64' }, {})
}

beforeAll(async () => {
  if (reason !== undefined) return
  publisher = await Publisher.create()
  publisher.tree('base').shell(withoutLosses)
  publisher
    .tree('web')
    .file('srv/blob', noise(3, 2_500_000))
    .file('srv/index', 'hello')
    .hardlink('usr/share/linked', 'srv/index')
    .shell('cp /bin/true srv/capable; setcap cap_net_bind_service+ep srv/capable')
    .shell("ln srv/capable usr/capable-too; touch -d '2011-11-11 UTC' .")
  const modules = (['web', 'base'] as const).map((name) => ({
    name,
    tree: new DirectoryTree(publisher.tree(name).path),
    includes: name === 'web' ? ['base'] : [],
  }))
  await publisher.publish(1, [], { modules })
  await exported('layout', '1')
  await exported('archive.tar', 'example.org/os:1')
})

afterAll(() => {
  publisher[Symbol.dispose]()
  scratch[Symbol.dispose]()
})

/** The release as it is on a machine. */
function expected(): string {
  const path = scratch.in('expected')
  mkdirSync(path)
  for (const name of ['base', 'web']) run('cp', '-a', `${publisher.tree(name).path}/.`, path)
  return path
}

describe.skipIf(reason !== undefined)('an exported image', () => {
  it('is what umoci unpacks to the tree that was published', () => {
    run('umoci', 'unpack', '--image', 'layout:1', 'bundle')
    expectSameTree(expected(), scratch.in('bundle/rootfs'))
  })

  it('is taken as it is by skopeo, from a directory and from an archive', async () => {
    const { image, layers } = await exported('again', '1')
    run('skopeo', 'copy', '--quiet', '--preserve-digests', 'oci:layout:1', 'dir:copied')
    const manifest = readFileSync(scratch.in('copied/manifest.json'))
    expect(manifest.length).toBe(image.size)
    const names = readdirSync(scratch.in('copied'))
    for (const { descriptor } of layers) expect(names).toContain(descriptor.digest.slice(7))
    run(
      'skopeo',
      'copy',
      '--quiet',
      '--preserve-digests',
      'oci-archive:archive.tar',
      'oci-archive:other.tar:x',
    )
    run('skopeo', 'copy', '--quiet', '--preserve-digests', 'oci-archive:other.tar:x', 'oci:back:x')
    const blobs = readdirSync(scratch.in('back/blobs/sha256')).sort()
    expect(blobs).toEqual(readdirSync(scratch.in('layout/blobs/sha256')).sort())
  })

  it('is loaded by podman under its name, with the layers that it says', async () => {
    const { layers } = await exported('third', '1')
    const storage = ['--root', scratch.in('podman'), '--runroot', scratch.in('podman-run')]
    const podman = (...args: readonly string[]): string =>
      run('podman', ...storage, '--storage-driver', 'vfs', ...args)
    expect(podman('load', '--input', 'archive.tar')).toContain('example.org/os:1')
    const [image] = JSON.parse(podman('image', 'inspect', 'example.org/os:1')) as [
      { RootFS: { Layers: string[] }; Labels: Record<string, string>; Architecture: string },
    ]
    expect(image.RootFS.Layers).toEqual(layers.map(({ diffId }) => diffId))
    expect(image.Labels['org.opencontainers.image.version']).toBe('1')
    // By a program of this machine.
    expect(image.Architecture).toBe(process.arch === 'x64' ? 'amd64' : process.arch)
  })

  it('is read by GNU tar and by Python, layer by layer', async () => {
    const { layers } = await exported('layout', '1')
    for (const [i, name] of ['base', 'web'].entries()) {
      const blob = join('layout/blobs/sha256', layers[i]?.descriptor.digest.slice(7) ?? '')
      const into = `by-tar-${name}`
      mkdirSync(scratch.in(into))
      // Directories may be left and come to again.
      const flags = [
        '--delay-directory-restore',
        '--numeric-owner',
        '--same-owner',
        '-p',
        '--xattrs',
        '--xattrs-include=*.*',
      ]
      run('tar', ...flags, '-xzf', blob, '-C', into)
      expectSameTree(publisher.tree(name).path, scratch.in(into))
      const names = 'import sys, tarfile; print(len(tarfile.open(sys.argv[1]).getnames()))'
      const count = run('bash', '-c', `find ${publisher.tree(name).path} -printf x | wc -c`)
      expect(run('python3', '-c', names, blob).trim()).toBe(count.trim())
    }
  })

  it('loses in umoci what the documentation says, and nothing else', async () => {
    const lossy = publisher.tree('lossy')
    lossy.file('labelled', 'x').file('holes', '').file('empty', '')
    lossy.shell(
      'setfattr -n security.selinux -v label labelled; truncate -s 1M holes; setfattr -n user.empty empty',
    )
    lossy.shell('setfattr -n user.kept -v yes empty')
    lossy.finish()
    await publisher.publish(2, ['lossy'], { channel: undefined })
    const repository = await publisher.repository()
    const release = await repository.release(2)
    const request = {
      release,
      modules: [],
      tags: ['2'],
      compression: 'gzip',
      defaultArchitecture: 'amd64',
    } as const
    await exportOci(repository, { ...request, out: scratch.in('layout') }, {})
    run('umoci', 'unpack', '--image', 'layout:2', 'lossy')
    const differences = differencesBetween(lossy.path, scratch.in('lossy/rootfs'))
    const found = differences
      .filter((line) => !line.startsWith('rsync:'))
      .map((line) => line.replaceAll(/\d+/g, 'N'))
    expect(found.sort()).toEqual([
      expect.stringMatching(/^find: "holes": .* sparse .* full /),
      expect.stringMatching(/^getfattr: "# file: empty": user.empty=Nx user.kept=\w+ \| user.kept=\w+$/),
      expect.stringMatching(/^getfattr: "# file: labelled": security.selinux=\w+ \| nothing$/),
    ])
  })
})
