import { expect, test } from 'vitest'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { pathKeysOf, withoutVersions } from '../../../src/similarity/path-keys.ts'

test.each([
  ['usr/lib/libfoo.so.1.2', 'usr/lib/libfoo.so.1.3.1'],
  ['usr/lib/modules/6.1.0-30-amd64/kernel/fs/ext4.ko', 'usr/lib/modules/6.1.0-31-amd64/kernel/fs/ext4.ko'],
  [
    'usr/lib/python3.11/site-packages/a_b-1.0.dist-info/RECORD',
    'usr/lib/python3.12/site-packages/a_b-1.1rc2.dist-info/RECORD',
  ],
  ['boot/vmlinuz-6.1.0-30-amd64', 'boot/vmlinuz-6.1.0-31-amd64'],
  ['usr/share/doc/x/x_1.2+dfsg1-3.gz', 'usr/share/doc/x/x_1.2-4.gz'],
  ['usr/lib/debug/.build-id/0f/aa31.debug', 'usr/lib/debug/.build-id/1f/aa32.debug'],
  ['srv/app/static/main.4f0c2a91.js', 'srv/app/static/main.aa7731e0.js'],
])('%s is %s in another version', (older, newer) => {
  expect(withoutVersions(older)).toBe(withoutVersions(newer))
})

test.each([
  ['usr/bin/awk', 'usr/bin/sed'],
  ['usr/lib/libfoo.so', 'usr/lib/libfoo.so.1'],
  ['etc/deadbeef', 'etc/cafebabe'],
  ['lib/x86/a', 'lib/arm64/a'],
])('%s and %s are not', (one, other) => {
  expect(withoutVersions(one)).not.toBe(withoutVersions(other))
})

test('widen from the very path to the name', () => {
  const keys = (path: string) => pathKeysOf(treePathFromText(path))
  const old = keys('opt/a-1/lib/core-1.2.js')
  expect(keys('opt/a-1/lib/core-1.2.js')).toEqual(old)
  expect(keys('opt/a-2/lib/core-1.3.js')).toMatchObject({
    name: old.name,
    moved: old.moved,
    basename: old.basename,
  })
  expect(keys('opt/a-2/lib/core-1.3.js').path).not.toBe(old.path)
  expect(keys('srv/lib/core-2.js')).toMatchObject({ moved: old.moved, basename: old.basename })
  expect(keys('srv/lib/core-2.js').name).not.toBe(old.name)
  expect(keys('core-2.js')).toMatchObject({ basename: old.basename })
  expect(keys('core-2.js').moved).not.toBe(old.moved)
})
