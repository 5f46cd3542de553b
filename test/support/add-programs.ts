import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TreeRecipe } from './tree-recipe.ts'

/** Puts programs of this system into a tree, below /bin, with the libraries that they need, so that they run there. */
export function addPrograms(tree: TreeRecipe, ...programs: readonly string[]): TreeRecipe {
  for (const name of ['dev', 'proc', 'run', 'tmp', 'etc']) tree.dir(name)
  for (const program of programs) {
    const path = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim()
    copy(path, join(tree.path, 'bin', program))
    for (const library of librariesOf(path)) copy(library, join(tree.path, library))
  }
  return tree
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(realpathSync(from), to)
}

function librariesOf(program: string): string[] {
  // Of what is linked statically it says so, and fails.
  const said = execFileSync('sh', ['-c', 'ldd "$1" || true', 'sh', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return [...said.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)
}
