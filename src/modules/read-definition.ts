import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml'
import type { z } from 'zod'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { suggestName } from '../suggest-name.ts'
import { ModulesError, type ModuleProblem } from './errors.ts'
import {
  definitionsSchema,
  moduleSchema,
  type ModuleDefinition,
  type ModuleDefinitions,
} from './module-definition.ts'

type Place = readonly (string | number)[]

/**
 * A modules.yaml; `file` names it in messages. Throws ModulesError (MODULES_INVALID) with all that is wrong, each with
 * its line and field.
 */
export function readDefinition(text: string, file: string): ModuleDefinitions {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const lineAt = (offset: number): number => lines.linePos(offset).line
  const lineOf = (...place: Place): number => lineAt(offsetOf(document, place))
  refuse(document.errors.map(({ message, pos }) => problem(file, lineAt(pos[0]), `is not YAML: ${message}`)))
  const parsed = definitionsSchema.safeParse(document.toJS({ maxAliasCount: 0 }), { reportInput: true })
  if (!parsed.success) {
    refuse(parsed.error.issues.flatMap((issue) => problemsOf(issue, file, lineOf)))
    throw parsed.error
  }
  const { unowned, unlisted, shared, exclude, modules, 'hide-packages': hidePackages } = parsed.data
  const definitions: ModuleDefinitions = {
    file,
    modules: new Map(Object.entries(modules).map(([name, module]) => [name, definitionOf(name, module)])),
    hidePackages,
    unowned: unowned === 'error' ? undefined : unowned,
    unlisted: unlisted === 'error' ? undefined : unlisted,
    mayShare: shared === 'lower',
    exclude,
    lineOf,
  }
  refuse(unknownNames(definitions))
  return definitions
}

function definitionOf(name: string, module: z.output<typeof moduleSchema>): ModuleDefinition {
  const { description, packages, paths, includes, optional, essential, exclude, hooks, image } = module
  return {
    name,
    description,
    packages,
    // It is the module's before any package's.
    paths: image === undefined ? paths : [`/${displayTreePath(image)}`],
    includes: [...new Set(includes)].sort(),
    optional: [...new Set(optional)].sort(),
    isEssential: essential,
    excludedPackages: exclude.filter((each) => !each.startsWith('/')),
    excludedPaths: exclude.filter((each) => each.startsWith('/')),
    hooks,
    image,
  }
}

function problemsOf(
  issue: z.core.$ZodIssue,
  file: string,
  lineOf: (...place: Place) => number,
): ModuleProblem[] {
  const place = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  const field = place.join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(place.length === 0 ? definitionsSchema.shape : moduleSchema.shape)
    return issue.keys.map((key) => {
      const name = [...place, key].join('.')
      return problem(file, lineOf(...place, key), `${name}: there is no such key${suggestName(key, known)}`)
    })
  }
  if (issue.code === 'invalid_union') {
    const nearest = issue.errors
      .map((issues) => issues.map((each) => ({ ...each, path: [...issue.path, ...each.path] })))
      .sort((a, b) => closeness(b) - closeness(a))[0]
    if (nearest !== undefined) {
      return nearest.flatMap((each) => problemsOf(each, file, lineOf))
    }
  }
  if (issue.code === 'invalid_key') {
    const name = String(place.at(-1))
    const why = issue.issues[0]?.message ?? issue.message
    return [problem(file, lineOf(...place), `${field}: ${JSON.stringify(name)} ${why}`)]
  }
  const shown = field === '' ? 'the file' : field
  const { input } = issue
  const value = typeof input === 'string' ? `${JSON.stringify(input.slice(0, 100))} ` : ''
  return [problem(file, lineOf(...place), `${shown}: ${value}${wordsOf(issue)}`)]
}

/** Of the alternatives, that which got deepest, and says more than of which type the value is not. */
function closeness(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ path, code }) => path.length * 2 + (code === 'invalid_type' ? 0 : 1)))
}

function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const found = issue.input === undefined ? 'missing' : issue.input === null ? 'empty' : 'of another kind'
    return `is ${found}; it must be a ${nameOfType(issue.expected)}`
  }
  if (issue.code === 'invalid_value') return `must be ${issue.values.map(String).join(' or ')}`
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
}

function nameOfType(type: string): string {
  const names: Readonly<Record<string, string>> = {
    array: 'list, as in [one, two]',
    object: 'set of keys',
    record: 'set of keys',
    string: 'text',
    boolean: 'true or false',
  }
  return names[type] ?? type
}

function unknownNames({ file, modules, unowned, unlisted, lineOf }: ModuleDefinitions): ModuleProblem[] {
  const known = [...modules.keys()]
  const check = (name: string, ...place: Place): ModuleProblem[] =>
    modules.has(name)
      ? []
      : [
          problem(
            file,
            lineOf(...place),
            `${place.filter((step) => typeof step === 'string').join('.')}: there is no module "${name}"` +
              (suggestName(name, known) || `; the modules are ${known.join(', ')}`),
          ),
        ]
  return [
    ...(unowned === undefined ? [] : check(unowned, 'unowned')),
    ...(unlisted === undefined || unlisted === 'leave-out' ? [] : check(unlisted, 'unlisted')),
    ...[...modules.values()].flatMap(({ name: module, includes }) =>
      includes.flatMap((name) => check(name, 'modules', module, 'includes')),
    ),
    ...[...modules.values()].flatMap(({ name: module, optional }) =>
      optional.flatMap((name) => check(name, 'modules', module, 'optional')),
    ),
  ]
}

/** Where a node, or the key of a pair, begins. */
function offsetOf(document: Document, place: Place): number {
  for (let length = place.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(place.slice(0, length - 1), true)
    const last = place[length - 1]
    const key = isMap(parent)
      ? parent.items.find(({ key: each }) => isScalar(each) && each.value === last)?.key
      : undefined
    const node = isNode(key) ? key : document.getIn(place.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function problem(file: string, line: number, message: string): ModuleProblem {
  return { kind: 'definition', subject: `${file}:${line}`, message: `${file}:${line}: ${message}` }
}

function refuse(problems: readonly ModuleProblem[]): void {
  if (problems.length > 0) throw new ModulesError('MODULES_INVALID', problems)
}
