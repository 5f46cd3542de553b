import * as z from 'zod'
import { nameField } from '../../manifests/names.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { imageField } from './image-field.ts'
import { isGlob } from './path-glob.ts'

/** What a modules.yaml says, with its defaults. */
export interface ModuleDefinitions {
  /** As people named the file; for messages. */
  readonly file: string
  readonly modules: ReadonlyMap<string, ModuleDefinition>
  /** Package databases and caches are published in no module. */
  readonly hidePackages: boolean
  /** The module of files that are nobody's; undefined: there may be none. */
  readonly unowned: string | undefined
  /** What becomes of packages that no module needs: `leave-out`, a module, or undefined: there may be none. */
  readonly unlisted: string | undefined
  /** Whether a package that several modules need may go down to one that all of them include. */
  readonly mayShare: boolean
  /** Globs of what is published in no module. */
  readonly exclude: readonly string[]
  /** The line of a place in the file, such as `modules`, `web`, `paths`, 0; of what holds it if it has none. */
  readonly lineOf: (...place: readonly (string | number)[]) => number
}

export interface ModuleDefinition {
  readonly name: string
  readonly description: string | undefined
  readonly packages: readonly string[]
  /** Globs; those after a `!` take back what globs before it gave. */
  readonly paths: readonly string[]
  readonly includes: readonly string[]
  readonly optional: readonly string[]
  readonly isEssential: boolean
  readonly excludedPackages: readonly string[]
  readonly excludedPaths: readonly string[]
  readonly hooks: readonly HookDefinition[]
  /** The one file of an image module; else undefined. */
  readonly image: TreePath | undefined
}

/** The name of a hook that is known, or one's own with its program and arguments. */
export type HookDefinition = string | { readonly name: string; readonly run: readonly string[] }

export const leaveOut = 'leave-out'

const maxGlobLength = 4096
const packageField = z
  .string()
  .regex(/^[A-Za-z0-9*][A-Za-z0-9+._:*@-]*$/, 'is not the name of a package, in which * stands for anything')
const globField = z
  .string()
  .max(maxGlobLength)
  .regex(/^!?\/./s, 'is not a path: write it from the root, as in /usr/lib/*.so')
  .refine(isGlob, 'has a range in [ ] that ends before it begins; turn it round, or put the - last')
const plainGlobField = globField.refine((glob) => !glob.startsWith('!'), 'takes back what nothing gave')
/** Of a module in a release (format §5), also where one name stands for several. */
export const maxHooks = 64
const maxWords = 64
const argumentField = z
  .string()
  .max(4096)
  .refine((text) => !text.includes('\0'), 'contains NUL')
const hookField = z.union([
  nameField,
  z.strictObject({
    name: nameField,
    run: z
      .tuple([argumentField.startsWith('/', 'is not an absolute path')], argumentField)
      .refine(({ length }) => length <= maxWords, `has more than ${maxWords} words`),
  }),
])

export const moduleSchema = z
  .strictObject({
    description: z.string().min(1).max(200).optional(),
    packages: z.array(packageField).default([]),
    paths: z.array(globField).default([]),
    includes: z.array(nameField).default([]),
    optional: z.array(nameField).default([]),
    essential: z.boolean().default(false),
    exclude: z.array(z.union([plainGlobField, packageField])).default([]),
    hooks: z.array(hookField).max(maxHooks).default([]),
    image: imageField.optional(),
  })
  .refine(({ image, paths }) => image === undefined || paths.length === 0, {
    path: ['paths'],
    message: 'stands beside "image", which is all that such a module has; take it out',
  })

export const definitionsSchema = z.strictObject({
  'hide-packages': z.boolean().default(false),
  unowned: z.union([z.literal('error'), nameField]).default('error'),
  unlisted: z.union([z.literal('error'), z.literal(leaveOut), nameField]).default('error'),
  shared: z.enum(['error', 'lower']).default('lower'),
  exclude: z.array(plainGlobField).default([]),
  modules: z
    .record(nameField, z.union([moduleSchema, z.null().transform(() => moduleSchema.parse({}))]))
    .refine((modules) => Object.keys(modules).length > 0, 'has no modules'),
})
