import { readModuleName } from './release-name.ts'
import { quote } from './setting-parsers.ts'

/** `name=DIRECTORY`, or a directory whose module is named elsewhere. */
export interface SourceArgument {
  readonly module: string | undefined
  readonly tree: string
}

/** What stands before the first `=` is a module's name, unless it holds a `/`, as in `./a=b`. */
export function parseSource(text: string): SourceArgument {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(0, equals))
  if (equals === -1 || name.includes('/')) return { module: undefined, tree: refuseEmpty(text) }
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

function refuseEmpty(tree: string): string {
  if (tree === '') throw new Error('a directory is missing; write DIRECTORY or name=DIRECTORY')
  return tree
}
