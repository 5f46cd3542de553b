import { Counter, Gauge, type Registry } from 'prom-client'
import type { CollectionRecord } from '../maintenance/collection-record.ts'
import { garbageKinds } from '../maintenance/gc/garbage.ts'

export interface MaintenanceMetrics {
  /** What the store says of collections; undefined: there was none. */
  readonly collected: (record: CollectionRecord | undefined) => void
  /** Of a verification that came to its end: how many objects were damaged or missing, by kind. */
  readonly verified: (damaged: ReadonlyMap<string, number>, now: Date) => void
}

const damageKinds = ['metadata', 'release', 'channel', 'manifest', 'chunk', 'pack', 'other']

export function maintenanceMetrics(registry: Registry): MaintenanceMetrics {
  const registers = [registry]
  const objects = new Counter({
    name: 'vend_gc_deleted_objects_total',
    help: 'Objects that collections of garbage removed since the first one, as the store says.',
    labelNames: ['kind'],
    registers,
  })
  const bytes = new Counter({
    name: 'vend_gc_freed_bytes_total',
    help: 'Bytes of the objects that collections of garbage removed since the first one, as the store says.',
    labelNames: ['kind'],
    registers,
  })
  const lastCollection = new Gauge({
    name: 'vend_gc_last_run_timestamp_seconds',
    help: 'When the last collection of garbage ended, in seconds since 1970, as the store says; 0: never.',
    registers,
  })
  const damaged = new Counter({
    name: 'vend_verify_errors_total',
    help: 'Objects that jobs of this process found damaged or missing, by kind.',
    labelNames: ['kind'],
    registers,
  })
  const lastVerification = new Gauge({
    name: 'vend_verify_last_run_timestamp_seconds',
    help: 'When the last verification of this process ended, in seconds since 1970; 0: never.',
    registers,
  })
  // An alert sees a rise only of what it saw before.
  for (const kind of damageKinds) damaged.inc({ kind }, 0)
  return {
    collected: (record) => {
      lastCollection.set((record?.ended.getTime() ?? 0) / 1000)
      for (const counter of [objects, bytes]) counter.reset()
      for (const kind of garbageKinds) {
        objects.inc({ kind }, record?.removed[kind].objects ?? 0)
        bytes.inc({ kind }, record?.removed[kind].bytes ?? 0)
      }
    },
    verified: (found, now) => {
      lastVerification.set(now.getTime() / 1000)
      for (const [name, count] of found) {
        const kind = damageKinds.includes(name) ? name : 'other'
        damaged.inc({ kind }, count)
      }
    },
  }
}
