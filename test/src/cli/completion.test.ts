import { execFileSync } from 'node:child_process'
import { beforeAll, expect, test } from 'vitest'
import { vendHere } from './vend-here.ts'

let script = ''

beforeAll(async () => {
  const { code, stdout } = await vendHere(['completion', 'bash'])
  expect(code).toBe(0)
  script = stdout
})

/** What bash offers for the last of the words. */
function offered(...words: readonly string[]): string[] {
  const run = `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vend; printf '%s\\n' "\${COMPREPLY[@]}"`
  const output = execFileSync('bash', ['-c', run, 'bash', 'vend', ...words], { encoding: 'utf8' })
  return output.split('\n').filter((line) => line !== '')
}

test('commands, and commands of commands', () => {
  expect(offered('')).toEqual(expect.arrayContaining(['publish', 'channel', 'verify', 'completion', 'help']))
  expect(offered('pub')).toEqual(['publish'])
  expect(offered('channel', '')).toEqual(
    expect.arrayContaining(['list', 'set', 'promote', 'rollout', 'halt', 'resume', 'rollback', 'history']),
  )
})

test('options of the command', () => {
  expect(offered('publish', './tree', '--re')).toEqual(['--release', '--requires'])
  expect(offered('channel', 'set', 'stable', '--h')).toEqual(['--halt', '--help'])
  expect(offered('ls', '10', '-')).toContain('-R')
})

test('nothing but file names as the value of an option', () => {
  expect(offered('publish', '--keys', '')).toEqual([])
})

test.each(['bash', 'zsh', 'fish'])('every command is in the script for %s', async (shell) => {
  const { code, stdout } = await vendHere(['completion', shell])
  expect(code).toBe(0)
  for (const name of ['publish', 'releases', 'show', 'ls', 'cat', 'diff', 'serve', 'verify', 'refresh']) {
    expect(stdout).toContain(name)
  }
})

test('other shells are refused', async () => {
  const { code, stderr } = await vendHere(['completion', 'tcsh'])
  expect(code).toBe(2)
  expect(stderr).toContain('"tcsh" is not a shell this can be done for; write one of bash, zsh, fish')
})
