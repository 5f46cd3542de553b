import { closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { planModules, sourcesOf, type ModulePlan } from '../../../src/modules/module-plan.ts'
import { readDefinition } from '../../../src/modules/read-definition.ts'
import { surveyTree } from '../../../src/modules/tree-survey.ts'
import { ImageTree } from '../../../src/sources/image-tree.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { dpkgTree } from './dpkg-tree.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-images-'))
  dpkgTree(join(directory, 'tree'), {
    libc: { files: ['lib/libc'] },
    kernel: { files: ['boot/vmlinuz', 'boot/config'] },
  }).link('boot/latest', 'vmlinuz')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function plan(kernel: string, base = 'packages: [libc]'): ModulePlan {
  const text = `hide-packages: true\nmodules:\n  base: {essential: true, ${base}}\n  kernel: {${kernel}}\n`
  return planModules(
    readDefinition(text, 'modules.yaml'),
    surveyTree(new DirectoryTree(join(directory, 'tree'))),
  )
}

const messages = ({ problems }: ModulePlan): string[] => problems.map(({ message }) => message)
const configuration = 'packages: [libc], paths: [/boot/config, /boot/latest]'

function contentOf(fd: number): Buffer {
  try {
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

test('one file of a tree is a module of its own, as if it were published alone', () => {
  const made = plan('packages: [kernel], image: /boot/vmlinuz', configuration)
  expect(messages(made)).toEqual([])
  const [base, kernel] = sourcesOf(made, new DirectoryTree(join(directory, 'tree')))
  expect(kernel).toMatchObject({ name: 'kernel', traits: { kind: 'image' } })
  const entries = Array.from(kernel?.tree.walk() ?? [], ({ entry }) => entry)
  const file = join(directory, 'tree/boot/vmlinuz')
  expect(entries).toHaveLength(2)
  expect(entries).toEqual(Array.from(new ImageTree(file).walk(), ({ entry }) => entry))
  const paths = Array.from(base?.tree.walk() ?? [], ({ entry }) => entry.path)
  expect(paths).toEqual(['', 'boot', 'boot/config', 'boot/latest', 'lib', 'lib/libc'])
  for (const { open } of kernel?.tree.walk() ?? []) {
    if (open !== undefined) expect(contentOf(open())).toEqual(readFileSync(file))
  }
})

test.each([
  [
    'image: /boot/vmlinuz, packages: [kernel]',
    '/boot/config, /boot/latest would be lost: an image is one file; give them',
  ],
  [
    'image: /boot/latest, packages: [kernel]',
    '/boot/latest is a symbolic link: name the file that it leads to',
  ],
  ['image: /boot/none, packages: [kernel]', 'modules.kernel.paths: nothing in the tree matches /boot/none'],
])('%s is refused', (kernel, problem) => {
  expect(messages(plan(kernel)).join('\n')).toContain(problem)
})

test.each([
  ['image: boot/vmlinuz', 'is not the path of one file: write it from the root'],
  ['image: /boot/*', 'is not the path of one file: write it from the root'],
  ['image: /', 'is not the path of one file: write it from the root'],
  ['image: /boot/vmlinuz, paths: [/boot]', 'stands beside "image", which is all that such a module has'],
])('%s is no definition', (kernel, problem) => {
  expect(() => plan(kernel)).toThrow(problem)
})
