import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runInRoot, type EndedProgram } from '../../../../src/client/hooks/run-in-root.ts'
import { addPrograms } from '../../../support/add-programs.ts'
import { TreeRecipe } from '../../../support/tree-recipe.ts'

const root = mkdtempSync(join(tmpdir(), 'vend-run-in-root-'))
addPrograms(new TreeRecipe(root), 'sh', 'ls', 'cat', 'perl').file('only-here', 'x').dir('proc').dir('dev')

afterAll(() => rmSync(root, { recursive: true, force: true }))

function run(...words: string[]): Promise<EndedProgram> {
  return runInRoot(root, words, { env: {}, seconds: 60 })
}

test('the first process does not lead to the file systems of the machine', async () => {
  const { code, output } = await run('/bin/sh', '-c', 'ls / && ls /proc/1/root/')
  expect(output).toContain('only-here')
  expect(output).toContain("'/proc/1/root/'")
  expect(code).not.toBe(0)
})

test('who leaves the root by another chroot comes to the root', async () => {
  const script =
    'mkdir "/below"; chroot "/below" or die; chdir ".." for 1..40; chroot "."; ' +
    'opendir my $top, "/" or die; print join " ", readdir $top'
  const { output } = await run('/bin/perl', '-e', script)
  expect(output.split(' ')).toContain('only-here')
})

test('nothing can be mounted, and no device be made', async () => {
  const { output } = await run('/bin/cat', '/proc/self/status')
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(output)?.[1]}`)
  const [chown, sysAdmin, mknod] = [0n, 21n, 27n].map((bit) => (effective >> bit) & 1n)
  expect({ chown, sysAdmin, mknod }).toEqual({ chown: 1n, sysAdmin: 0n, mknod: 0n })
})
