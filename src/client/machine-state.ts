import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { digestField } from '../../manifests/fields.ts'
import { nameField, versionField } from '../../manifests/names.ts'
import { reportIdField } from '../reports/update-report.ts'
import { connectionSchema, serverUrl } from './connection-settings.ts'
import { MachineError } from './errors.ts'
import { hasCredentials } from './proxy.ts'
import { readIfThere } from './read-if-there.ts'
import { MachineLayout, slots, type Slot } from './machine-layout.ts'
import { syncDirectory, writeDurably } from './write-durably.ts'

const placeField = z
  .string()
  .startsWith('/', 'is not an absolute path')
  .refine((path) => !path.includes('\0'), 'contains NUL')

const settingsSchema = z.strictObject({
  channel: nameField,
  /** How the repository is reached, besides `url`; read again for each run. */
  connection: connectionSchema.optional(),
  format: z.literal(1),
  /** By image module, where its image lies in each slot: files, or block devices. */
  images: z.record(nameField, z.strictObject({ a: placeField, b: placeField })).optional(),
  /** Random; decides with a channel's seed whether the machine is among the first to move. */
  machineId: z.string().regex(/^[0-9a-f]{32}$/),
  modules: z.union([z.literal('all'), z.array(nameField).min(1, 'a machine has at least one module')]),
  /** The last release that the machine may go to. */
  pin: versionField.optional(),
  /** By channel, what the machine calls itself in reports; without it, it sends none. */
  reports: z.record(nameField, reportIdField).optional(),
  url: serverUrl,
})

/** What a machine follows. */
export type MachineSettings = z.output<typeof settingsSchema>

const moduleSchema = z.strictObject({
  bytes: z.int().min(1),
  digest: digestField,
  /** Of an image: it is not in the root, but at `place`, or in the machine's directory. */
  kind: z.literal('image').optional(),
  name: nameField,
  place: placeField.optional(),
})

const slotSchema = z.strictObject({
  channel: nameField.optional(),
  format: z.literal(1),
  /** Of the file that says what hooks made; absent where none ran. */
  hooks: z.strictObject({ bytes: z.int().min(0), digest: digestField, paths: z.int().min(0) }).optional(),
  modules: z.array(moduleSchema),
  version: versionField,
})

/** What a slot holds: a release and the manifests of the modules installed from it, sorted by name. */
export type SlotRecord = z.output<typeof slotSchema>

export type SlotModule = SlotRecord['modules'][number]

/** The modules that the root is made of. */
export function rootModules({ modules }: Pick<SlotRecord, 'modules'>): readonly SlotModule[] {
  return modules.filter(({ kind }) => kind === undefined)
}

/** The modules that lie beside the root. */
export function imageModules({ modules }: Pick<SlotRecord, 'modules'>): readonly SlotModule[] {
  return modules.filter(({ kind }) => kind === 'image')
}

/** A machine's own records. Each is replaced in one step, and is on the disk before anything relies on it. */
export class MachineState {
  readonly layout: MachineLayout

  constructor(directory: string) {
    this.layout = new MachineLayout(directory)
  }

  /** Makes an empty machine. Throws MACHINE_EXISTS. */
  create(settings: MachineSettings, trustedRoot: Uint8Array): void {
    const { layout } = this
    if (readIfThere(layout.settings) !== undefined) {
      throw new MachineError('MACHINE_EXISTS', `there is a machine in ${layout.directory} already`, {
        hint: 'use it as it is, or name another directory with --machine or VEND_MACHINE',
      })
    }
    for (const path of [layout.trust, layout.manifests, layout.slots, layout.roots]) {
      mkdirSync(path, { recursive: true })
    }
    writeDurably(`${layout.trust}/root.json`, trustedRoot)
    this.saveSettings(settings)
  }

  /** Throws MACHINE_MISSING. */
  settings(): MachineSettings {
    const bytes = readIfThere(this.layout.settings)
    if (bytes === undefined) {
      throw new MachineError('MACHINE_MISSING', `there is no machine in ${this.layout.directory}`, {
        hint: 'make one with "vend-client init", or name another with --machine or VEND_MACHINE',
      })
    }
    return parse(settingsSchema, bytes, this.layout.settings)
  }

  /** Throws SETTINGS_INVALID. */
  saveSettings(settings: MachineSettings): void {
    const problem = settingsSchema.safeParse(settings).error?.issues[0]
    if (problem !== undefined) {
      throw new MachineError('SETTINGS_INVALID', `${problem.path.join('.')}: ${problem.message}`)
    }
    // A proxy's password is for nobody else on the machine.
    const mode = hasCredentials(settings.connection?.proxy) ? 0o600 : 0o644
    writeDurably(this.layout.settings, Buffer.from(`${canonicalJson(settings)}\n`), mode)
  }

  /** Undefined while a slot is empty or not complete. */
  slot(slot: Slot): SlotRecord | undefined {
    const path = this.layout.slotRecord(slot)
    const bytes = readIfThere(path)
    return bytes === undefined ? undefined : parse(slotSchema, bytes, path)
  }

  /** From now on, and until `completeSlot`, nothing may rely on the slot. */
  openSlot(slot: Slot): void {
    rmSync(this.layout.slotRecord(slot), { force: true })
    rmSync(this.layout.hookRecord(slot), { force: true })
    syncDirectory(this.layout.slots)
    mkdirSync(this.layout.root(slot), { recursive: true })
  }

  completeSlot(slot: Slot, record: SlotRecord): void {
    writeDurably(this.layout.slotRecord(slot), Buffer.from(`${canonicalJson(record)}\n`))
  }

  /** The slot that `root` leads to; undefined before the first install. */
  activeSlot(): Slot | undefined {
    const { rootLink } = this.layout
    const target = readLink(rootLink)
    if (target === undefined) return undefined
    const slot = slots.find((name) => target === `roots/${name}`) ?? this.#slotThrough(target)
    if (slot !== undefined) return slot
    throw new MachineError('MACHINE_INVALID', `${rootLink} points to ${target}`, {
      hint: 'it must be a symbolic link to roots/a or roots/b, or to active/root where there are images',
    })
  }

  #slotThrough(target: string): Slot | undefined {
    if (target !== throughActive) return undefined
    const active = readLink(this.layout.activeLink)
    return slots.find((name) => active === `slots/${name}`)
  }

  /** What the active root holds; undefined before the first install. */
  installed(): SlotRecord | undefined {
    const active = this.activeSlot()
    return active === undefined ? undefined : this.slot(active)
  }

  /**
   * The switch: one rename, of `active` on a machine that has had images, and else of `root`. The slot must be
   * complete. What comes before it changes no path's meaning.
   */
  activate(slot: Slot): void {
    const { layout } = this
    const hasImages = slots.some((each) => imageModules(this.slot(each) ?? { modules: [] }).length > 0)
    const isThrough = readLink(layout.rootLink) === throughActive
    if (!hasImages && !isThrough) return replaceLink(layout.rootLink, `roots/${slot}`)
    const current = this.activeSlot()
    for (const each of slots) this.#linkSlot(each)
    if (current === undefined) {
      replaceLink(layout.activeLink, `slots/${slot}`)
      return replaceLink(layout.rootLink, throughActive)
    }
    if (!isThrough) {
      replaceLink(layout.activeLink, `slots/${current}`)
      replaceLink(layout.rootLink, throughActive)
    }
    replaceLink(layout.activeLink, `slots/${slot}`)
  }

  /** Gives a slot's parts one name each, whichever slot it is. */
  #linkSlot(slot: Slot): void {
    const { layout } = this
    const directory = layout.slotLinks(slot)
    mkdirSync(directory, { recursive: true })
    const links = new Map([['root', `../../roots/${slot}`]])
    for (const { name, place } of imageModules(this.slot(slot) ?? { modules: [] })) {
      links.set(`image-${name}`, place ?? `../../images/${name}.${slot}`)
    }
    for (const name of readdirSync(directory)) if (!links.has(name)) rmSync(join(directory, name))
    for (const [name, target] of links) {
      const path = join(directory, name)
      if (readLink(path) !== target) replaceLink(path, target)
    }
  }
}

const throughActive = 'active/root'

/** Undefined when nothing is there. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whoever looks finds the old link or the new one. */
function replaceLink(path: string, target: string): void {
  const next = `${path}.next`
  rmSync(next, { force: true })
  symlinkSync(target, next)
  renameSync(next, path)
  syncDirectory(dirname(path))
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, path: string): T {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new MachineError('MACHINE_INVALID', `${path} is damaged: ${(cause as Error).message}`, {
      hint: 'restore it, or remove it and run "vend-client update": all of /etc is kept then',
      cause,
    })
  }
}
