import { expect, test } from 'vitest'
import { leasePrefix, quarantinePrefix, sweepPrefix } from '../../../../src/repository/layout.ts'
import { setChannel } from '../../../../src/repository/set-channel.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { FaultyStore, seededRandom } from '../../../support/faulty-store.ts'
import { keysIn } from '../../../support/publisher.ts'
import { noise } from '../../../support/tree-recipe.ts'
import { CollectedRepository, dayMs, hourMs } from './collected-repository.ts'

const histories = 100
const steps = 8

/** What a step does, and how often it is drawn. */
type Step = (history: History) => Promise<void>

class History {
  readonly repository: CollectedRepository
  readonly #random: () => number
  /** What happened, for whoever has to find out why. */
  readonly told: string[] = []
  version = 0

  constructor(repository: CollectedRepository, seed: number) {
    this.repository = repository
    this.#random = seededRandom(seed)
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  tell(what: string): void {
    this.told.push(what)
  }

  /** A tree of some of few contents: what one release drops another one takes up again. */
  changeTree(): void {
    const tree = this.repository.publisher.tree('base')
    for (let content = 0; content < 6; content++) {
      if (this.below(2) === 0) tree.file(`content-${content}`, noise(content, 90_000))
      else tree.remove(`content-${content}`)
    }
    tree.file('version', String(this.version))
  }

  /** A store that fails from some write on, as for somebody who dies. */
  mortal(): { readonly store: BlobStore; readonly isDead: () => boolean } {
    const moment = this.pick(['before', 'after'] as const)
    const last = this.below(24)
    const end = new Error('the power is out')
    let isDead = false
    const store = new FaultyStore(this.repository.store, {
      fault: () => (isDead ? { kind: 'fail-before', error: end } : undefined),
      onWrite: (write) => {
        if (write.index !== last || write.moment !== moment) return
        isDead = true
        throw end
      },
    })
    return { store, isDead: () => isDead }
  }

  /** `act` with such a store; whatever comes of it. */
  async dying(act: (store: BlobStore) => Promise<unknown>): Promise<void> {
    const { store, isDead } = this.mortal()
    try {
      await act(store)
    } catch (error) {
      if (!isDead()) throw error
      this.tell('  … and died')
    }
  }
}

const publish: Step = async (history) => {
  const version = ++history.version
  history.tell(`publish ${version}`)
  history.changeTree()
  await history.repository.publisher.publish(version, ['base'])
}

const publishAndDie: Step = async (history) => {
  const version = ++history.version
  history.tell(`publish ${version}, dying`)
  history.changeTree()
  await history.dying((store) => history.repository.publisher.publish(version, ['base'], {}, { store }))
}

const publishAmidCollection: Step = async (history) => {
  const version = ++history.version
  history.tell(`publish ${version}, and meanwhile`)
  history.changeTree()
  let isFirst = true
  const beforeVisible = async (): Promise<void> => {
    if (isFirst) await collect(history)
    isFirst = false
    // What was removed is waited for otherwise, in real time.
    history.repository.later(hourMs)
  }
  await history.repository.publisher.publish(version, ['base'], {}, { beforeVisible })
}

const collect: Step = async (history) => {
  const options = optionsOf(history)
  history.tell(`collect ${JSON.stringify(options)}`)
  await history.repository.collect(options)
}

const collectAndDie: Step = async (history) => {
  const options = optionsOf(history)
  history.tell(`collect ${JSON.stringify(options)}, dying`)
  await history.dying((store) => history.repository.collect({ ...options, store }))
}

function optionsOf(history: History) {
  return {
    ...(history.below(2) === 0 && { keepLast: 1 + history.below(2) }),
    pins: history.below(3) === 0 ? [1 + history.below(5)] : [],
    graceMs: history.pick([0, hourMs, dayMs]),
    quarantineMs: history.pick([0, hourMs, 7 * dayMs]),
    sliceKeys: history.pick([1, 3, 10_000]),
  }
}

const moveChannel: Step = async (history) => {
  const { store, keys, now } = history.repository.publisher
  const versions = (await history.repository.publisher.repository()).releaseVersions()
  if (versions.length === 0) return
  const version = history.pick(versions)
  history.tell(`beta to ${version}`)
  await setChannel({ channel: 'beta', version }, { store, keys, now })
}

const undo: Step = async (history) => {
  history.tell('undo')
  try {
    await history.repository.undo()
  } catch (error) {
    history.tell(`  … ${String((error as { code?: unknown }).code)}`)
    if (!['COLLECTION_UNKNOWN', 'COLLECTION_SWEPT'].includes(String((error as { code?: unknown }).code)))
      throw error
  }
}

const wait: Step = (history) => {
  const ms = history.pick([60_000, hourMs, dayMs, 8 * dayMs])
  history.tell(`wait ${ms / hourMs} h`)
  history.repository.later(ms)
  return Promise.resolve()
}

const all: readonly Step[] = [
  publish,
  publish,
  publishAndDie,
  publishAmidCollection,
  collect,
  collect,
  collectAndDie,
  collectAndDie,
  moveChannel,
  undo,
  wait,
  wait,
]

async function live(seed: number): Promise<void> {
  using repository = await CollectedRepository.create()
  const history = new History(repository, seed)
  try {
    await publish(history)
    for (let step = 0; step < steps; step++) {
      await history.pick(all)(history)
      // Sweeps that were left open are waited for: by real publishes, in real time.
      if ((await keysIn(repository.store, sweepPrefix)).length > 0) repository.later(hourMs)
      await repository.expectWhole()
    }
    for (let run = 0; run < 4; run++) {
      repository.later(8 * dayMs)
      await repository.collect()
    }
    expect(await repository.garbage()).toEqual([])
    for (const prefix of [sweepPrefix, quarantinePrefix, leasePrefix]) {
      expect(await keysIn(repository.store, prefix)).toEqual([])
    }
    await repository.expectWhole()
  } catch (error) {
    throw new Error(`seed ${seed}:\n${history.told.join('\n')}`, { cause: error })
  }
}

test(`${histories} random histories lose nothing that is needed, and leave nothing that is not`, async () => {
  for (let seed = 1; seed <= histories; seed++) await live(seed)
}, 600_000)
