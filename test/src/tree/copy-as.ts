import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import { parseTreePath } from '../../../manifests/tree-path.ts'
import { copyTree } from './copy-tree.ts'

// Arguments: a uid, which is also the gid, and the directories to copy from and to; or `remove`, a tree and a path in it.
const [id = '', from = '', to = ''] = process.argv.slice(2)
process.setgroups?.([])
process.setgid?.(Number(id))
process.setuid?.(Number(id))
const [, , , , , pathToRemove] = process.argv
if (pathToRemove === undefined) {
  process.stdout.write(JSON.stringify([...copyTree(from, to)]))
} else {
  using writer = new TreeWriter(to)
  writer.remove(parseTreePath(pathToRemove))
}
