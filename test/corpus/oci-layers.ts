import { digestOf } from '../../manifests/digest.ts'
import type { BadSource } from './bad-source.ts'
import { badImage, badLayer, good } from './oci-bad-image.ts'
import { layerType } from './oci-maker.ts'
import { tarOf, type MemberRecipe } from './tar-maker.ts'

const refused = 'SOURCE_REFUSED'
const damaged = 'SOURCE_DAMAGED'
const unsupported = 'SOURCE_UNSUPPORTED'
const conflict = 'SOURCE_CONFLICT'

const hard = (path: string, target: string): MemberRecipe => ({ path, type: '1', link: target })
const link = (path: string, target: string): MemberRecipe => ({ path, type: '2', link: target })
const directory = (path: string): MemberRecipe => ({ path, type: '5', mode: 0o755 })

/** Deletions that are none, or that programs would read differently. */
export const badWhiteouts: readonly BadSource[] = [
  badLayer(
    'a whiteout of the directory above',
    [good, [{ path: 'etc/.wh...' }]],
    refused,
    'etc/.wh... in layer 2 of 2',
    'whiteout of the directory above its own',
  ),
  badLayer(
    'a whiteout of the root from its own directory',
    [good, [{ path: '.wh..' }]],
    refused,
    '.wh.. in layer 2 of 2',
    'whiteout of its own directory',
  ),
  badLayer(
    'a whiteout of no name',
    [good, [{ path: '.wh.' }]],
    refused,
    '.wh. in layer 2',
    'whiteout of no name',
  ),
  badLayer(
    'a whiteout with a slash',
    [good, [{ path: '.wh.etc/version' }]],
    refused,
    '.wh.etc/version in layer 2',
    'lies below a name that begins with ".wh."',
  ),
  badLayer(
    'a whiteout that leads up',
    [good, [{ path: '../.wh.etc' }]],
    refused,
    '../.wh.etc in layer 2',
    'leads up with ".."',
  ),
  badLayer(
    'a whiteout with content',
    [good, [{ path: '.wh.etc', content: 'x' }]],
    refused,
    '.wh.etc in layer 2',
    'is no empty file',
  ),
  badLayer(
    'a whiteout that is a directory',
    [good, [directory('.wh.etc')]],
    refused,
    '.wh.etc in layer 2',
    'is no empty file',
  ),
  badLayer(
    'a whiteout that is a symbolic link',
    [good, [link('etc/.wh.version', 'other')]],
    refused,
    'etc/.wh.version in layer 2',
    'is no empty file',
  ),
  badLayer(
    'an opaque whiteout that is a symbolic link',
    [good, [link('etc/.wh..wh..opq', '/')]],
    refused,
    'etc/.wh..wh..opq in layer 2',
    'is no empty file',
  ),
  badLayer(
    "a file of AUFS' own",
    [good, [{ path: '.wh..wh.plnk' }]],
    unsupported,
    '.wh..wh.plnk in layer 2',
    "AUFS' own files",
  ),
  badLayer(
    'a hard link through a whiteout before it',
    [good, [{ path: 'etc/.wh.version' }, hard('stolen', 'etc/version')]],
    refused,
    'stolen in layer 2',
    'through a whiteout: etc/version is deleted',
  ),
  badLayer(
    'a hard link through a whiteout after it',
    [good, [hard('a-stolen', 'etc/version'), { path: '.wh.etc' }]],
    refused,
    'etc/version in layer 2',
    'the target of one, through a whiteout: etc is deleted',
  ),
  badLayer(
    'a hard link to a whiteout',
    [good, [{ path: '.wh.etc' }, hard('link', '.wh.etc')]],
    refused,
    'link in',
    'which is not there',
  ),
]

/** Layers that do not fit onto those below. */
export const badLayers: readonly BadSource[] = [
  badLayer(
    'a layer that writes through a symbolic link of a lower one',
    [[link('etc', '/tmp')], [{ path: 'etc/cron', content: 'x' }]],
    refused,
    'etc/cron in',
    'lies below etc',
    'symbolic link',
  ),
  badLayer(
    'a layer that makes a directory below a symbolic link of a lower one',
    [[link('etc', '/tmp')], [directory('etc/cron.d')]],
    refused,
    'etc/cron.d in',
    'symbolic link',
  ),
  badLayer(
    'a layer with a file twice',
    [[...good, ...good]],
    conflict,
    'etc/version in layer 1 of 1',
    'twice in one layer',
  ),
  badLayer(
    'a layer with a file and a directory of one name',
    [[{ path: 'x' }, directory('x')]],
    conflict,
    'x in layer 1 of 1',
    'twice in one layer',
  ),
  badLayer(
    'a layer with a hard link to what no layer has',
    [good, [hard('new', 'etc/gone')]],
    refused,
    'new in',
    'etc/gone, which is not there',
  ),
  badLayer(
    'a layer with a hard link out of the tree',
    [good, [hard('new', '../../etc/shadow')]],
    refused,
    'new in layer 2 of 2',
    'leads up',
  ),
  badLayer(
    'a layer with an absolute name that leads up',
    [[{ path: '/../etc/passwd' }]],
    refused,
    '/../etc/passwd in layer 1',
    'leads up',
  ),
  badImage(
    'a layer that ends in the middle of a file',
    (maker) => {
      const cut = tarOf([{ path: 'long', content: 'x'.repeat(2000) }]).subarray(0, 1024)
      maker.index(maker.image([{ descriptor: maker.blob(cut, layerType), diffId: digestOf(cut) }]))
    },
    damaged,
    'long in layer 1 of 1',
    'is cut off at byte 1024',
  ),
  badImage(
    'a layer that is no archive',
    (maker) => {
      const text = Buffer.from('this is no archive at all'.repeat(40))
      maker.index(maker.image([{ descriptor: maker.blob(text, layerType), diffId: digestOf(text) }]))
    },
    damaged,
    'layer 1 of 1',
    'no tar archive',
  ),
  badImage(
    'a layer that is cut off in its compressed form',
    (maker) => {
      const whole = maker.layer(good)
      const cut = Buffer.from('1f8b0800000000000003', 'hex')
      const descriptor = maker.blob(cut, `${layerType}+gzip`)
      maker.index(maker.image([{ descriptor, diffId: whole.diffId }]))
    },
    damaged,
    'layer 1 of 1',
    'gzip',
  ),
]
