import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import type { Digest } from './digest.ts'
import { formatVersion, readDocument } from './document.ts'
import { FormatError } from './errors.ts'
import { digestField, instantField, naturalField, textField } from './fields.ts'
import { nameField, versionField } from './names.ts'

/** An immutable set of modules under one version (format §5); the TUF target `releases/<version>.json`. */
export interface Release {
  readonly version: number
  /** For people; never compared. */
  readonly label?: string | undefined
  /** An instant such as 2026-01-31T23:59:59Z. */
  readonly created: string
  /** A machine must be at this version or later before it may take this release. */
  readonly requires?: number | undefined
  readonly modules: Readonly<Record<string, ReleaseModule>>
}

/** What a module is to a machine, besides its tree (format §5.2). Absent members say nothing. */
export interface ModuleTraits {
  /** For people. */
  readonly description?: string | undefined
  /** Every machine has it. */
  readonly essential?: true | undefined
  /** Run, in this order, in the finished root before machines switch to it. */
  readonly hooks?: readonly Hook[] | undefined
  /** One file that is kept beside the root, in a slot of its own; else a part of the root. */
  readonly kind?: 'image' | undefined
  /** Modules that come along when someone asks for this one, and may be left out; sorted, at least one. */
  readonly optional?: readonly string[] | undefined
}

/** A program in the root, and its arguments. */
export type Hook = {
  /** For people, and to tell two apart. */
  readonly name: string
  /** The program's absolute path in the root first. */
  readonly run: readonly string[]
}

export interface ReleaseModule extends ModuleTraits {
  /** `bytes` is the length of the manifest's plain bytes, of which `digest` is the digest. */
  readonly manifest: { readonly digest: Digest; readonly bytes: number }
  /** Modules that are installed with this one, sorted. */
  readonly includes: readonly string[]
  readonly entries: number
  readonly contentBytes: number
}

const maxArgumentLength = 4096
const maxArguments = 64
const maxHooks = 64

const argumentField = textField(maxArgumentLength).refine((text) => !text.includes('\0'), 'contains NUL')

const hookSchema = z.strictObject({
  name: nameField,
  run: z
    .tuple([argumentField.startsWith('/', 'is not an absolute path')], argumentField)
    .refine((run) => run.length <= maxArguments, `has more than ${maxArguments} arguments`),
})

const moduleSchema = z.strictObject({
  contentBytes: naturalField,
  description: textField(200).min(1).optional(),
  entries: naturalField,
  essential: z.literal(true).optional(),
  hooks: z.array(hookSchema).min(1).max(maxHooks).optional(),
  includes: z.array(nameField),
  kind: z.literal('image').optional(),
  manifest: z.strictObject({ bytes: z.int().min(1), digest: digestField }),
  optional: z.array(nameField).min(1).optional(),
})

const releaseSchema = z.strictObject({
  created: instantField,
  format: z.literal(formatVersion),
  label: textField(200).min(1).optional(),
  modules: z.record(nameField, moduleSchema),
  requires: versionField.optional(),
  version: versionField,
})

const releaseDocument = {
  name: 'release',
  schema: releaseSchema,
  decode: ({ format: _format, ...release }: z.output<typeof releaseSchema>): Release => checkRelease(release),
  encode: encodeRelease,
}

/** Throws a FormatError that names the field. */
export function decodeRelease(bytes: Uint8Array): Release {
  return readDocument(bytes, releaseDocument)
}

export function encodeRelease(release: Release): string {
  const modules = Object.entries(release.modules).map(
    ([name, module]) => [name, { ...module, manifest: { ...module.manifest } }] as const,
  )
  return canonicalJson({ ...release, modules: Object.fromEntries(modules), format: formatVersion })
}

export function releaseTargetPath(version: number): string {
  return `releases/${version}.json`
}

/**
 * Throws unless the release has modules, every module that another names is one of them, and no module includes itself
 * in the end.
 */
export function checkRelease(release: Release): Release {
  const names = Object.keys(release.modules)
  if (names.length === 0) throw invalid('modules', 'a release has at least one module')
  for (const [name, module] of Object.entries(release.modules)) {
    checkNames(release, `modules.${name}.includes`, module.includes)
    checkNames(release, `modules.${name}.optional`, module.optional ?? [])
  }
  refuseCycles(release)
  return release
}

function checkNames(release: Release, place: string, names: readonly string[]): void {
  if (names.some((name, i) => i > 0 && name <= (names[i - 1] ?? ''))) {
    throw invalid(place, 'must be sorted, each name once')
  }
  const missing = names.find((name) => !Object.hasOwn(release.modules, name))
  if (missing !== undefined) throw invalid(place, `there is no module "${missing}"`)
}

function refuseCycles(release: Release): void {
  const open = new Map(Object.entries(release.modules).map(([name, { includes }]) => [name, includes.length]))
  const includers = new Map<string, string[]>()
  for (const [name, { includes }] of Object.entries(release.modules)) {
    for (const include of includes) {
      const known = includers.get(include)
      if (known === undefined) includers.set(include, [name])
      else known.push(name)
    }
  }
  const settled = [...open.keys()].filter((name) => open.get(name) === 0)
  for (let name = settled.pop(); name !== undefined; name = settled.pop()) {
    open.delete(name)
    for (const includer of includers.get(name) ?? []) {
      const left = (open.get(includer) ?? 0) - 1
      open.set(includer, left)
      if (left === 0) settled.push(includer)
    }
  }
  const [first] = open.keys()
  if (first !== undefined) throw circle(release, first, open)
}

/** Every module in `open` includes another one in it, so that a walk along these must come back. */
function circle(release: Release, first: string, open: ReadonlyMap<string, number>): FormatError {
  const trail = new Set<string>()
  let name: string | undefined = first
  while (name !== undefined && !trail.has(name)) {
    trail.add(name)
    name = release.modules[name]?.includes.find((include) => open.has(include))
  }
  const names = [...trail]
  const around = [...names.slice(names.indexOf(name ?? first)), name]
  return invalid(`modules.${name}.includes`, `goes in a circle: ${around.join(' → ')}`)
}

/**
 * The modules a machine gets that asks for `names` (or for all): these, the essential ones, and everything that they
 * include, sorted.
 * Throws a FormatError with code NAME_INVALID on a name the release does not have.
 */
export function selectModules(release: Release, names: readonly string[] | 'all'): string[] {
  const selected = new Set<string>()
  const essential = Object.keys(release.modules).filter((name) => release.modules[name]?.essential)
  const queue = names === 'all' ? Object.keys(release.modules) : [...essential, ...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const module = Object.hasOwn(release.modules, name) ? release.modules[name] : undefined
    if (module === undefined) {
      const known = Object.keys(release.modules).sort().join(', ')
      throw new FormatError(
        'NAME_INVALID',
        'module',
        `release ${release.version} has no module "${name}": it has ${known}`,
      )
    }
    if (!selected.has(name)) queue.push(...module.includes)
    selected.add(name)
  }
  return [...selected].sort()
}

function invalid(place: string, problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'release', problem, { place })
}
