import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openOciSource, type OciSourceOptions } from '../../../src/sources/oci-source.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { hasProgram, isRoot } from '../../support/programs.ts'
import { plainScript, rootScript } from '../tree/nasty-tree.ts'
import { ScratchDirectory } from '../tree/scratch-directory.ts'
import { linesOf } from './listing.ts'

const missing = ['skopeo', 'umoci', 'podman', 'setfattr', 'setcap'].filter((program) => !hasProgram(program))
const reason = !isRoot ? 'not root' : missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined
if (reason !== undefined) process.stderr.write(`oci-source.integration: skipped, ${reason}\n`)

/** Without labels, which umoci leaves out, without attributes of no bytes, which Go does, and a path too long for podman. */
const firstLayer = (plainScript + rootScript)
  .replaceAll(/^.*security\.selinux.*$/gm, '')
  .replace('setfattr -n user.empty big; ', '')
  .replaceAll(/^truncate .*$/gm, '')
  .replace('{1..15}', '{1..10}')

/** Each becomes a layer of its own. */
const laterLayers = [
  // Deleted, replaced by other types, changed in metadata only; a directory made anew under an old name.
  `rm -r sub/deep; rm dangling; rm -r a; echo file > a; rm a-b; mkdir a-b; echo in > a-b/file
   chmod 0711 empty; touch -d '2002-02-02 02:02:02.2 UTC' nothing; setfattr -n user.later -v yes big
   rm -r 'with space'; mkdir 'with space'; echo new > 'with space/new'`,
  // Once more deleted and made, links of both kinds, a name that is not UTF-8.
  `rm -r a-b; echo 'file again' > a-b; rm a; ln -s a-b a; ln big big-too; rm $'caf\\xe9\\xff'
   chown 77:88 tail; setcap cap_net_admin+ep capable; setfacl -b with-acl; mknod later c 5 1`,
  // All of a directory at once.
  'rm -r sub; mkdir -p sub/other; echo x > sub/other/x',
]

const scratch = new ScratchDirectory()

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { cwd: scratch.path, stdio: ['ignore', 'ignore', 'pipe'] })
}

function repack(script: string, image: string): void {
  run('bash', '-euc', `cd bundle/rootfs\n${script}`)
  run('umoci', 'repack', '--refresh-bundle', '--image', image, 'bundle')
}

/** What umoci makes of an image: the judge. */
function unpacked(image: string, name: string): string[] {
  run('umoci', 'unpack', '--image', image, name)
  return linesOf(new DirectoryTree(scratch.in(`${name}/rootfs`)))
}

async function read(path: string, options: OciSourceOptions = {}): Promise<string[]> {
  await using source = await openOciSource(scratch.in(path), options)
  return linesOf(source.tree)
}

/** A layer of exactly these bytes on top of an image. */
function addLayer(script: string, image: string): void {
  run('bash', '-euc', `rm -rf layer; mkdir layer; cd layer\n${script}`)
  run('umoci', 'raw', 'add-layer', '--image', image, 'layer.tar')
}

beforeAll(() => {
  if (reason !== undefined) return
  run('umoci', 'init', '--layout', 'image')
  run('umoci', 'new', '--image', 'image:tree')
  run('umoci', 'unpack', '--image', 'image:tree', 'bundle')
  for (const script of [firstLayer, ...laterLayers]) repack(script, 'image:tree')
})

afterAll(() => {
  scratch[Symbol.dispose]()
})

describe.skipIf(reason !== undefined)('an image made by umoci', () => {
  let expected: string[] = []

  it('is read as umoci unpacks it, over four layers with deletions', async () => {
    expected = unpacked('image:tree', 'judged')
    expect(expected.length).toBeGreaterThan(40)
    expect(expected.join('\n')).toContain('"path":"later"')
    expect(await read('image', { tag: 'tree' })).toEqual(expected)
  })

  it.each([
    ['a layout as one archive', ['oci:image:tree', 'oci-archive:layout.tar'], 'layout.tar'],
    ['layers in zstd', ['--dest-compress-format=zstd', 'oci:image:tree', 'oci:zstd:tree'], 'zstd'],
    [
      'an archive of Docker',
      ['oci:image:tree', 'docker-archive:docker.tar:example.org/tree:1'],
      'docker.tar',
    ],
  ])('is the same after skopeo has made of it %s', async (_, args, path) => {
    run('skopeo', 'copy', '--quiet', ...args)
    expect(await read(path)).toEqual(expected)
  })

  it('is the same after podman has loaded and saved it', async () => {
    const podman = (...args: readonly string[]): void => {
      const storage = ['--root', scratch.in('podman'), '--runroot', scratch.in('podman-run')]
      run('podman', ...storage, '--storage-driver', 'vfs', ...args)
    }
    // The storage driver vfs gives the whole tree back as podman unpacked it, so that this shows the archives only.
    run('umoci', 'init', '--layout', 'plain')
    run('umoci', 'new', '--image', 'plain:tree')
    run('umoci', 'unpack', '--image', 'plain:tree', 'plain-bundle')
    const script = "mkdir etc; echo 1 > etc/one; ln etc/one two; touch -d '2001-02-03 UTC' etc/one etc two"
    run('bash', '-euc', `cd plain-bundle/rootfs; ${script}`)
    run('umoci', 'repack', '--refresh-bundle', '--image', 'plain:tree', 'plain-bundle')
    run('bash', '-euc', 'cd plain-bundle/rootfs; rm two; echo 3 > etc/three')
    run('umoci', 'repack', '--image', 'plain:tree', 'plain-bundle')
    run('skopeo', 'copy', '--quiet', 'oci:plain:tree', 'oci-archive:plain.tar:example.org/plain:1')
    podman('load', '--input', 'plain.tar')
    podman('save', '--format', 'docker-archive', '--output', 'saved.tar', 'example.org/plain:1')
    podman('save', '--format', 'oci-archive', '--output', 'saved-oci.tar', 'example.org/plain:1')
    const lines = unpacked('plain:tree', 'plain-judged')
    expect(lines.join('\n')).not.toContain('"path":"two"')
    expect(await read('saved.tar', { tag: 'plain:1' })).toEqual(lines)
    expect(await read('saved-oci.tar')).toEqual(lines)
  })

  it('is read with hard links into lower layers, which outlive what they led to', async () => {
    run('umoci', 'tag', '--image', 'image:tree', 'links')
    addLayer('echo shared > first; ln first second; tar -cf ../layer.tar first second; ', 'image:links')
    addLayer(
      'touch first; ln first third; tar -cf ../layer.tar first third; tar -f ../layer.tar --delete first',
      'image:links',
    )
    addLayer('touch .wh.first; tar -cf ../layer.tar .wh.first', 'image:links')
    const lines = unpacked('image:links', 'links-judged')
    expect(lines.join('\n')).toContain('{"path":"third","target":"second","type":"hardlink"}')
    expect(await read('image', { tag: 'links' })).toEqual(lines)
  })

  it('is read with directories that were made opaque, and with deletions of nothing', async () => {
    run('umoci', 'tag', '--image', 'image:tree', 'opaque')
    run(
      'bash',
      '-euc',
      'mkdir -p fresh/below; echo f > fresh/below/f; touch -d @5 fresh/below/f fresh/below fresh',
    )
    run('umoci', 'insert', '--image', 'image:opaque', '--opaque', 'fresh', '/sub')
    run('umoci', 'insert', '--image', 'image:opaque', '--whiteout', '/big')
    run('umoci', 'insert', '--image', 'image:opaque', '--whiteout', '/never/was')
    const lines = unpacked('image:opaque', 'opaque-judged')
    expect(lines.join('\n')).not.toContain('sub/other')
    expect(await read('image', { tag: 'opaque' })).toEqual(lines)
  })
})
