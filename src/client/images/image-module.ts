import { FormatError } from '../../../manifests/errors.ts'
import type { FileEntry } from '../../../manifests/entry.ts'
import { imageEntry } from '../../../manifests/image.ts'
import { checkTree, type ExpectedModules } from '../check-tree.ts'
import { MachineError } from '../errors.ts'
import type { MachineLayout } from '../machine-layout.ts'
import type { SlotModule } from '../machine-state.ts'
import { ModuleTree, type TreeEntry } from '../module-tree.ts'

/** An image module, by its manifest. */
export class ImageModule implements Disposable {
  readonly module: SlotModule
  readonly tree: ModuleTree
  readonly item: TreeEntry
  readonly entry: FileEntry

  private constructor(module: SlotModule, tree: ModuleTree, item: TreeEntry, entry: FileEntry) {
    this.module = module
    this.tree = tree
    this.item = item
    this.entry = entry
  }

  /** Its manifest is on the machine. With `expected`, it is held to what the release says. Throws OBJECT_CORRUPT. */
  static async open(
    layout: MachineLayout,
    module: SlotModule,
    expected?: ExpectedModules,
  ): Promise<ImageModule> {
    const tree = await ModuleTree.open(layout, [module])
    try {
      if (expected !== undefined) await checkTree(tree, expected)
      const items: TreeEntry[] = []
      for await (const item of tree.entries()) {
        items.push(item)
        if (items.length > 2) break
      }
      const entry = imageEntry(items.map((item) => item.entry))
      refuseMore(tree, entry)
      return new ImageModule(module, tree, items[1] as TreeEntry, entry)
    } catch (error) {
      tree[Symbol.dispose]()
      if (!(error instanceof FormatError)) throw error
      throw new MachineError('OBJECT_CORRUPT', `the module ${module.name}: ${error.message}`, {
        hint: 'tell whoever publishes it; this machine stays as it is',
        cause: error,
      })
    }
  }

  get name(): string {
    return this.module.name
  }

  [Symbol.dispose](): void {
    this.tree[Symbol.dispose]()
  }
}

/** What is written is the whole content stream. */
function refuseMore(tree: ModuleTree, { offset, size }: FileEntry): void {
  const bytes = tree.chunkTable(0).reduce((sum, chunk) => sum + chunk.size, 0)
  if (offset === 0 && size === bytes) return
  throw new FormatError('FORMAT_INVALID', 'image module', 'has chunks for something else than its image')
}
