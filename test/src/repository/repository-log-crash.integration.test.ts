import { expect, onTestFinished, test } from 'vitest'
import { RepositoryError } from '../../../src/repository/errors.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import type { PutBody } from '../../../storage/blob-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore, seededRandom, type Fault, type FaultyCall } from '../../support/faulty-store.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn } from '../../support/publisher.ts'

async function newRepository(): Promise<LoggedRepository> {
  const repository = await LoggedRepository.create()
  onTestFinished(() => repository[Symbol.dispose]())
  return repository
}

async function expectSound(repository: LoggedRepository): Promise<void> {
  const report = await repository.audit()
  expect(report.findings).toEqual([])
}

const writes = new Set(['put', 'create', 'replace'])

/** Fails at the n-th write, before or after it is done, and at all that follows. */
function dyingAt(store: MemoryStore, n: number, kind: Fault['kind']): FaultyStore {
  let left = n
  let isDead = false
  const fault = ({ operation }: FaultyCall): Fault | undefined => {
    if (isDead) return { kind: 'fail-before' }
    if (!writes.has(operation) || left-- > 0) return undefined
    isDead = true
    return kind === 'lose-answer' ? { kind } : { kind: 'fail-before' }
  }
  return new FaultyStore(store, { fault })
}

test.each(['fail-before', 'lose-answer'] as const)(
  'a commit that dies at any write (%s) leaves a log that the next one, or a refresh, completes',
  async (kind) => {
    const base = await newRepository()
    await base.commit(Array.from({ length: 254 }, (_, i) => i + 1))
    for (const heal of ['commit', 'refresh'] as const) {
      for (let at = 0; ; at++) {
        const repository = await base.copy()
        const store = dyingAt(repository.store, at, kind)
        const died = await repository.commit([255, 256, 257], 'last', { store }).then(
          () => false,
          () => true,
        )
        if (!died) {
          expect(at).toBeGreaterThan(8)
          break
        }
        const isVisible = (await repository.head()).size === 258
        if (heal === 'commit') await repository.commit([300])
        else await refreshExpiry(repository.context())
        expect(await repository.head()).toMatchObject({
          size: (isVisible ? 258 : 254) + (heal === 'commit' ? 1 : 0),
        })
        await expectSound(repository)
      }
    }
  },
)

/** Says when an object of the log that never changes is written with other bytes. */
class StrictStore extends MemoryStore {
  readonly changed: string[] = []

  override async put(key: string, body: PutBody): ReturnType<MemoryStore['put']> {
    const known = (await this.stat(key)) === undefined ? undefined : await bytesIn(this, key)
    if (key.startsWith('log/') && known !== undefined && !known.equals(body as Uint8Array))
      this.changed.push(key)
    return super.put(key, body)
  }
}

test('of publishers that race, the losers leave nothing in the log', async () => {
  const random = seededRandom(4)
  const base = await newRepository()
  await base.commit([1], 'start')
  for (let round = 0; round < 8; round++) {
    const strict = new StrictStore()
    const repository = await base.copy(strict)
    let version = 1
    const lost: unknown[] = []
    const publisher = async (name: string): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        const delay = (): Fault => ({ kind: 'delay', ms: Math.floor(random() * 3) })
        const store = new FaultyStore(strict, { fault: delay })
        // The same number of entries in each: their tiles have the same names.
        await repository
          .commit([++version], `${name} ${i}`, { store })
          .catch((error: unknown) => lost.push(error))
      }
    }
    await Promise.all(['a', 'b', 'c'].map(publisher))
    expect(lost.every((error) => error instanceof RepositoryError && error.code === 'PUBLISH_CONFLICT')).toBe(
      true,
    )
    expect(lost.length).toBeGreaterThan(0)
    expect(await repository.head()).toMatchObject({ size: 2 + 2 * (12 - lost.length) })
    expect(strict.changed).toEqual([])
    await refreshExpiry(repository.context())
    await expectSound(repository)
  }
})
