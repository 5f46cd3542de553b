import { parseTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { JoinedTrees } from './joined-trees.ts'
import type { OpenedSource } from './opened-source.ts'
import { PrefixedTree } from './prefixed-tree.ts'
import { impliedDirectory, TreeSpool } from './tree-spool.ts'

/** After the directory of a container image that is a part of a tree: its configuration, as it was in the image. */
export const imageConfigSuffix = '.oci-config.json'

/**
 * A source with its tree below a directory: what is above it is 0755, root's and of 1970. The configuration of a
 * container image comes to lie beside that directory. The source stays the
 * caller's to dispose of.
 */
export async function placeBelow(
  source: OpenedSource & { readonly image?: { readonly config: Uint8Array } },
  prefix: TreePath,
): Promise<OpenedSource> {
  const tree = new PrefixedTree(source.tree, prefix)
  if (source.image === undefined) return { ...source, tree, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { config } = source.image
  const beside = await TreeSpool.create(source.tree.name)
  const path = parseTreePath(`${prefix}${imageConfigSuffix}`)
  await beside.put({ type: 'file', path, ...impliedDirectory, mode: 0o644, size: config.length }, config)
  return {
    ...source,
    tree: new JoinedTrees(tree, beside.finish()),
    [Symbol.asyncDispose]: () => beside[Symbol.asyncDispose](),
  }
}
