import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { BlobStore } from '../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError, BlobNotFoundError } from '../../storage/errors.ts'

/** What lies under each key. */
export type Model = Map<string, string>

export interface Real {
  readonly store: BlobStore
  /** Every key of this run lies below it. */
  readonly at: string
  /** Makes every body another. */
  writes: number
}

type Step = (key: string, model: Model, real: Real) => Promise<void>

const keys = ['a', 'b-c', 'b/c', 'b/d/e', 'b.c', 'z/z/z']

/** Random calls, each of which checks its answer against the model. */
export function modelCommands(): fc.Arbitrary<Iterable<fc.AsyncCommand<Model, Real>>> {
  const steps: Step[] = [put, create, replace, replaceStale, remove, removeMany, get, list]
  const commands = steps.map((step) => fc.constantFrom(...keys).map((key) => command(step, key)))
  return fc.commands(commands, { maxCommands: 25 })
}

function command(step: Step, key: string): fc.AsyncCommand<Model, Real> {
  return {
    check: () => true,
    run: async (model, real) => step(key, model, real),
    toString: () => `${step.name}(${key})`,
  }
}

async function put(key: string, model: Model, real: Real): Promise<void> {
  const body = nextBody(real)
  await real.store.put(`${real.at}/${key}`, Buffer.from(body))
  model.set(key, body)
}

async function create(key: string, model: Model, real: Real): Promise<void> {
  const body = nextBody(real)
  const created = real.store.create(`${real.at}/${key}`, Buffer.from(body))
  if (model.has(key)) await expect(created).rejects.toThrow(BlobExistsError)
  else model.set(key, await created.then(() => body))
}

async function replace(key: string, model: Model, real: Real): Promise<void> {
  const body = nextBody(real)
  const info = await real.store.stat(`${real.at}/${key}`)
  expect(info !== undefined).toBe(model.has(key))
  if (info === undefined) return
  await real.store.replace(info.key, Buffer.from(body), info.etag)
  model.set(key, body)
}

async function replaceStale(key: string, _model: Model, real: Real): Promise<void> {
  const replaced = real.store.replace(`${real.at}/${key}`, Buffer.from('stale'), '0'.repeat(32))
  await expect(replaced).rejects.toThrow(BlobChangedError)
}

async function remove(key: string, model: Model, real: Real): Promise<void> {
  await real.store.delete(`${real.at}/${key}`)
  model.delete(key)
}

async function removeMany(key: string, model: Model, real: Real): Promise<void> {
  const some = keys.filter((one) => one <= key)
  const { failed } = await real.store.deleteMany(some.map((one) => `${real.at}/${one}`))
  expect(failed).toEqual([])
  for (const one of some) model.delete(one)
}

async function get(key: string, model: Model, real: Real): Promise<void> {
  const opened = real.store.get(`${real.at}/${key}`)
  if (!model.has(key)) {
    await expect(opened).rejects.toThrow(BlobNotFoundError)
    return
  }
  const { info, stream } = await opened
  const content = Buffer.concat((await stream.toArray()) as Uint8Array[]).toString()
  expect([content, info.bytes]).toEqual([model.get(key), content.length])
}

async function list(_key: string, model: Model, { store, at }: Real): Promise<void> {
  const found = await Array.fromAsync(store.list(`${at}/`), ({ key }) => key)
  expect(found).toEqual([...model.keys()].map((key) => `${at}/${key}`).sort())
}

function nextBody(real: Real): string {
  real.writes += 1
  return `${real.writes} ${'x'.repeat(real.writes % 5)}`
}
