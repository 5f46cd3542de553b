import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
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

const settingsSchema = z.strictObject({
  channel: nameField,
  /** How the repository is reached, besides `url`; read again for each run. */
  connection: connectionSchema.optional(),
  format: z.literal(1),
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

const slotSchema = z.strictObject({
  channel: nameField.optional(),
  format: z.literal(1),
  modules: z.array(z.strictObject({ bytes: z.int().min(1), digest: digestField, name: nameField })),
  version: versionField,
})

/** What a slot holds: a release and the manifests of the modules installed from it, sorted by name. */
export type SlotRecord = z.output<typeof slotSchema>

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
    syncDirectory(this.layout.slots)
    mkdirSync(this.layout.root(slot), { recursive: true })
  }

  completeSlot(slot: Slot, record: SlotRecord): void {
    writeDurably(this.layout.slotRecord(slot), Buffer.from(`${canonicalJson(record)}\n`))
  }

  /** The slot that `root` points to; undefined before the first install. */
  activeSlot(): Slot | undefined {
    try {
      const target = readlinkSync(this.layout.activeLink)
      const slot = slots.find((name) => target === `roots/${name}`)
      if (slot !== undefined) return slot
      throw new MachineError('MACHINE_INVALID', `${this.layout.activeLink} points to ${target}`, {
        hint: 'it must be a symbolic link to roots/a or roots/b',
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** What the active root holds; undefined before the first install. */
  installed(): SlotRecord | undefined {
    const active = this.activeSlot()
    return active === undefined ? undefined : this.slot(active)
  }

  /** The switch: one rename. The slot must be complete. */
  activate(slot: Slot): void {
    const next = `${this.layout.activeLink}.next`
    rmSync(next, { force: true })
    symlinkSync(`roots/${slot}`, next)
    renameSync(next, this.layout.activeLink)
    syncDirectory(this.layout.directory)
  }
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
