import { readFileSync, closeSync, writeFileSync } from 'node:fs'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { openOciSource, type OciSourceOptions } from '../../../src/sources/oci-source.ts'
import { parseImagePlatform, platformHere } from '../../../src/sources/oci-platform.ts'
import { ImageMaker, indexType, layerType, makeImage, tagged } from '../../corpus/oci-maker.ts'
import { tarOf, type MemberRecipe } from '../../corpus/tar-maker.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'

const file = (path: string, content = ''): MemberRecipe => ({ path, content })
const directory = (path: string, mode = 0o755): MemberRecipe => ({ path, type: '5', mode })
const hard = (path: string, target: string): MemberRecipe => ({ path, type: '1', link: target })
const symbolic = (path: string, target: string): MemberRecipe => ({ path, type: '2', link: target })

/** Paths in order, with what tells entries apart: content, target, mode. The root is left out. */
async function listing(path: string, options: OciSourceOptions = {}): Promise<string[]> {
  await using source = await openOciSource(path, options)
  return Array.from(source.tree.walk(), ({ entry, open }) => {
    if (entry.type === 'hardlink') return `${entry.path} = ${entry.target}`
    if (entry.type === 'symlink') return `${entry.path} -> ${entry.target}`
    if (open === undefined) return `${entry.path}/ ${'mode' in entry ? entry.mode.toString(8) : ''}`
    const fd = open()
    try {
      return `${entry.path}: ${readFileSync(fd, 'utf8')}`
    } finally {
      closeSync(fd)
    }
  }).slice(1)
}

async function layersGive(...layers: readonly (readonly MemberRecipe[])[]): Promise<string[]> {
  return listing(makeImage(scratchDirectory().in('image'), ...layers).directory)
}

describe('the layers of an image', () => {
  it('lie over one another: files are replaced, directories keep what is in them', async () => {
    const tree = await layersGive(
      [directory('etc'), file('etc/a', '1'), file('etc/b', '1')],
      [directory('etc', 0o700), file('etc/b', '2'), file('etc/c', '2')],
    )
    expect(tree).toEqual(['etc/ 700', 'etc/a: 1', 'etc/b: 2', 'etc/c: 2'])
  })

  it('replace directories by files, files by directories, and links by either', async () => {
    const tree = await layersGive(
      [directory('d'), file('d/x'), file('f', 'file'), symbolic('l', 'd'), symbolic('m', '/etc')],
      [
        file('d', 'now a file'),
        directory('f'),
        file('f/y', 'y'),
        directory('l'),
        file('l/z', 'z'),
        file('m', 'm'),
      ],
    )
    expect(tree).toEqual(['d: now a file', 'f/ 755', 'f/y: y', 'l/ 755', 'l/z: z', 'm: m'])
  })

  it('delete what a whiteout names, with all below, and nothing else', async () => {
    const tree = await layersGive(
      [directory('d'), file('d/x'), directory('d/e'), file('d/e/y'), file('dx', 'stays'), file('f')],
      [file('.wh.d'), file('.wh.f'), file('.wh.never-was'), file('no/such/.wh.directory')],
    )
    expect(tree).toEqual(['dx: stays'])
  })

  it.each([
    ['before', [file('.wh.d'), directory('d', 0o711), file('d/new', 'new')]],
    ['after', [directory('d', 0o711), file('d/new', 'new'), file('.wh.d')]],
  ])('keep what they have themselves, with a whiteout of it %s', async (_, second) => {
    const tree = await layersGive([directory('d'), file('d/old'), directory('d/e'), file('d/e/old')], second)
    expect(tree).toEqual(['d/ 711', 'd/new: new'])
  })

  it.each([
    ['before', [file('d/.wh..wh..opq'), file('d/new', 'new'), file('d/e/new', 'too')]],
    ['after', [file('d/new', 'new'), file('d/e/new', 'too'), file('d/.wh..wh..opq')]],
  ])('hide all that was in an opaque directory, with the mark %s', async (_, second) => {
    const below = [
      directory('d', 0o750),
      file('d/old'),
      directory('d/e'),
      file('d/e/old'),
      file('other', '1'),
    ]
    const tree = await layersGive(below, second)
    expect(tree).toEqual(['d/ 750', 'd/e/ 755', 'd/e/new: too', 'd/new: new', 'other: 1'])
  })

  it('hide everything with an opaque root', async () => {
    expect(await layersGive([file('a'), file('b/c')], [file('.wh..wh..opq'), file('d', 'only')])).toEqual([
      'd: only',
    ])
  })

  it('link to what lower layers have, and keep it when it is deleted or replaced later', async () => {
    const layers = [[file('a', 'shared')], [hard('b', 'a')]] as const
    expect(await layersGive(...layers)).toEqual(['a: shared', 'b = a'])
    expect(await layersGive(...layers, [file('.wh.a')])).toEqual(['b: shared'])
    expect(await layersGive(...layers, [file('a', 'other')])).toEqual(['a: other', 'b: shared'])
  })

  it('have whiteouts that are hard links to one another, as AUFS stored them', async () => {
    const tree = await layersGive(
      [file('a'), file('b'), file('c', 'c')],
      [file('.wh.a'), hard('.wh.b', '.wh.a')],
    )
    expect(tree).toEqual(['c: c'])
  })

  it('may name a directory twice, and be of nothing at all', async () => {
    expect(await layersGive([directory('a', 0o700), directory('a', 0o711)], [])).toEqual(['a/ 711'])
  })

  it('are packed in any of three ways, and said to be in another', async () => {
    const maker = new ImageMaker(scratchDirectory().in('image'))
    const tars = ['a', 'b', 'c'].map((name) => tarOf([file(name, name)]))
    const stored = [tars[0], gzipSync(tars[1] ?? ''), zstdCompressSync(tars[2] ?? '')]
    const layers = stored.map((bytes = Buffer.alloc(0), i) => ({
      descriptor: maker.blob(bytes, `${layerType}${i === 2 ? '+zstd' : ''}`),
      diffId: digestOf(tars[i] ?? Buffer.alloc(0)),
    }))
    maker.index(maker.image(layers))
    expect(await listing(maker.directory)).toEqual(['a: a', 'b: b', 'c: c'])
  })
})

describe('an image of several', () => {
  function several(): ImageMaker {
    const maker = new ImageMaker(scratchDirectory().in('image'))
    const [one, two] = ['1', '2'].map((name) => maker.image([maker.layer([file(name)])]))
    if (one === undefined || two === undefined) throw new TypeError()
    return maker.index(tagged(one, 'v1'), tagged(two, 'example.org/os:v2'))
  }

  it('is found by its tag, with the registry before it or without', async () => {
    const { directory: path } = several()
    expect(await listing(path, { tag: 'v1' })).toEqual(['1: '])
    expect(await listing(path, { tag: 'example.org/os:v2' })).toEqual(['2: '])
    expect(await listing(path, { tag: 'os:v2' })).toEqual(['2: '])
  })

  it('must be named, and by a name that there is', async () => {
    const { directory: path } = several()
    await expect(openOciSource(path)).rejects.toMatchObject({ code: 'IMAGE_UNCLEAR' })
    await expect(openOciSource(path, { tag: 'v2' })).rejects.toMatchObject({
      code: 'IMAGE_UNKNOWN',
      hint: 'it has: example.org/os:v2, v1',
    })
  })

  it('need not be named when all tags are of one', async () => {
    const maker = new ImageMaker(scratchDirectory().in('image'))
    const image = maker.image([maker.layer([file('same')])])
    maker.index(tagged(image, 'v1'), tagged(image, 'latest'))
    expect(await listing(maker.directory)).toEqual(['same: '])
  })

  it("is the one for this machine's platform, or for the one that is asked for", async () => {
    const maker = new ImageMaker(scratchDirectory().in('image'))
    const platforms = [platformHere(), { os: 'linux', architecture: 'arm', variant: 'v6' }]
    platforms.push({ os: 'linux', architecture: 'arm', variant: 'v7' })
    const images = platforms.map((platform, i) =>
      Object.assign(maker.image([maker.layer([file(String(i))])], { config: { ...platform } }), { platform }),
    )
    const attestation = {
      ...maker.image([]),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    }
    const index = maker.json({ schemaVersion: 2, manifests: [...images, attestation] }, indexType)
    maker.index(tagged(index, 'all'))
    expect(await listing(maker.directory)).toEqual(['0: '])
    expect(await listing(maker.directory, { platform: parseImagePlatform('linux/arm/v7') })).toEqual(['2: '])
    const attempts = { 'linux/arm': 'IMAGE_UNCLEAR', 'linux/s390x': 'IMAGE_UNKNOWN' }
    for (const [platform, code] of Object.entries(attempts)) {
      const opening = openOciSource(maker.directory, { platform: parseImagePlatform(platform) })
      await expect(opening).rejects.toMatchObject({
        code,
        hint: expect.stringContaining('linux/arm/v6') as string,
      })
    }
  })

  it('is not taken for another platform than it is for', async () => {
    const { directory: path } = makeImage(scratchDirectory().in('image'), [file('a')])
    const opening = openOciSource(path, { platform: parseImagePlatform('linux/s390x') })
    await expect(opening).rejects.toMatchObject({ code: 'IMAGE_UNKNOWN', hint: 'it has one for linux/amd64' })
  })
})

describe('what is opened', () => {
  it('has the configuration as it is in the image, and says how much there is', async () => {
    const maker = new ImageMaker(scratchDirectory().in('image'))
    const config = { config: { Entrypoint: ['/bin/app'], Env: ['A=b'] } }
    const image = maker.image([maker.layer([file('bin/app', 'run')])], { config })
    maker.index(image)
    await using source = await openOciSource(maker.directory)
    expect(JSON.parse(source.image.config.toString())).toMatchObject(config)
    expect(source.image).toMatchObject({
      digest: image.digest,
      platform: { os: 'linux', architecture: 'amd64' },
    })
    expect(source.contentBytes).toBe(3)
  })

  it('is the same from an archive of the layout, and from one of Docker', async () => {
    const scratch = scratchDirectory()
    const { directory: path } = makeImage(
      scratch.in('image'),
      [file('a', '1')],
      [file('.wh.a'), file('b', '2')],
    )
    scratch.shell(
      'tar -cf layout.tar -C image . && tar -czf layout.tar.gz -C image index.json oci-layout blobs',
    )
    for (const name of ['layout.tar', 'layout.tar.gz']) {
      expect(await listing(scratch.in(name))).toEqual(await listing(path))
    }
    const layers = [tarOf([file('a', '1')]), tarOf([file('.wh.a'), file('b', '2')])]
    const rootfs = { type: 'layers', diff_ids: layers.map(digestOf) }
    const config = JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs })
    const name = digestOf(Buffer.from(config)).slice(7)
    const manifest = [
      { Config: `${name}.json`, RepoTags: ['docker.io/library/x:1'], Layers: ['1/layer.tar', '2.tar'] },
    ]
    const archive = tarOf([
      { path: 'kept.tar', content: layers[0] ?? '' },
      // As Docker wrote layers that are the same.
      symbolic('1/layer.tar', '../kept.tar'),
      { path: '2.tar', content: layers[1] ?? '' },
      { path: `${name}.json`, content: config },
      { path: 'manifest.json', content: JSON.stringify(manifest) },
    ])
    writeFileSync(scratch.in('docker.tar'), archive)
    expect(await listing(scratch.in('docker.tar'), { tag: 'x:1' })).toEqual(await listing(path))
  })
})
