import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Random } from './random.ts'
import { buildProgram, makeProgram, rebuild, type SyntheticProgram } from './synthetic-program.ts'
import { noise, type TreeRecipe } from './tree-recipe.ts'

const installed = fileURLToPath(new URL('../../node_modules', import.meta.url))
const packages = ['commander', 'express', 'helmet']

/** A small system of real packages, programs and archives. */
export function firstTree(tree: TreeRecipe): TreeRecipe {
  for (const name of packages) cpSync(join(installed, name), join(tree.path, name), { recursive: true })
  for (const [name, program] of programs()) tree.file(`bin/${name}`, buildProgram(program))
  tree.file('noise', noise(1, 200_000)).file('empty', '').link('link', 'noise').hardlink('again', 'noise')
  tree.file('doc/readme.gz', gzipSync(readme(tree))).shell('truncate -s 300K sparse')
  tree.finish()
  return tree
}

/** The same some days later: changed, moved, new, gone, and the same. */
export function secondTree(tree: TreeRecipe): TreeRecipe {
  firstTree(tree)
  const random = new Random(7)
  for (const [name, program] of programs()) tree.file(`bin/${name}`, buildProgram(rebuild(program, random)))
  tree.shell(
    'mv express/lib express/library; mv helmet/README.md helmet/README.txt; rm -r express/package.json',
  )
  tree.shell("sed -i 's/Error/Mistake/g' commander/lib/*.js; cat commander/lib/*.js > all.js")
  tree.file('noise', noise(1, 200_000).fill(7, 1000, 1100)).file('new', noise(2, 5000))
  tree.file('doc/readme.gz', gzipSync(readme(tree).toUpperCase()))
  tree.finish()
  return tree
}

function programs(): [name: string, SyntheticProgram][] {
  return ['a', 'b', 'c', 'd'].map((name, index) => [name, makeProgram(new Random(index))])
}

function readme(tree: TreeRecipe): string {
  return readFileSync(join(tree.path, 'commander/Readme.md'), 'utf8')
}
