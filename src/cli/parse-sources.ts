import { parseTreePath, treePathFromText, type TreePath } from '../../manifests/tree-path.ts'
import { saysKind } from '../sources/source-kind.ts'
import { readModuleName } from './release-name.ts'
import { quote } from './setting-parsers.ts'

/** `name=SOURCE`, or a source whose module is named elsewhere. */
export interface SourceArgument {
  readonly module: string | undefined
  /** A path, or a kind of source, a colon and a path. */
  readonly tree: string
}

/** What stands before the first `=` is a module's name, unless it holds a `/` or a kind, as in `./a=b` and `tar:a=b`. */
export function parseSource(text: string): SourceArgument {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(0, equals))
  if (equals === -1 || name.includes('/') || saysKind(name))
    return { module: undefined, tree: refuseEmpty(text) }
  return { module: readModuleName(name), tree: refuseEmpty(text.slice(equals + 1)) }
}

export interface IncludeArgument {
  readonly module: string
  readonly includes: readonly string[]
}

/** `web=base,tools`: web brings base and tools. */
export function parseInclude(text: string): IncludeArgument {
  const [, module, includes] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (module === undefined || includes === undefined) {
    throw new Error(`${quote(text)} says no modules; write web=base,tools`)
  }
  return { module: readModuleName(module), includes: includes.split(',').map(readModuleName) }
}

export interface PrefixArgument {
  readonly module: string
  readonly prefix: TreePath
}

/** `app=/usr/lib/app`: the tree of app goes below that directory. */
export function parsePrefix(text: string): PrefixArgument {
  const [, module, path] = /^([^=/]+)=\/(.+?)\/*$/.exec(text) ?? []
  if (module === undefined || path === undefined) {
    throw new Error(`${quote(text)} says no directory of a module; write app=/usr/lib/app`)
  }
  return { module: readModuleName(module), prefix: parseTreePath(treePathFromText(path)) }
}

function refuseEmpty(tree: string): string {
  if (tree === '') throw new Error('a directory or archive is missing; write SOURCE or name=SOURCE')
  return tree
}
