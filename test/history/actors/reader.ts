import { isDamage } from '../../../src/repository/is-damage.ts'
import { loadState, type RepositoryState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import type { ReleaseModule } from '../../../manifests/release.ts'
import { isTransient } from '../../../storage/backoff.ts'
import type { BlobReader } from '../../../storage/blob-store.ts'
import type { Commit } from '../reachability-checker.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import { Violation } from '../violation.ts'
import type { Stage } from '../stage.ts'

/**
 * Reads what the channels name, as machines do, so many times; now and then with a state that has become old
 * meanwhile. Throws a Violation when it sees what never was, or misses what was there all the time.
 */
export async function readAll(stage: Stage, process: SimulatedProcess, rounds: number): Promise<void> {
  const store = stage.open(process)
  const { commits } = stage.checker
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(5_000))
    const isEmpty = commits.length === 0
    try {
      const begun = process.world.step
      const state = await loadState(store, { trustedRoot: stage.keys.trustedRoot() })
      const seen = commitOf(state, commits, begun)
      if (process.random.chance(4)) await process.sleep(process.random.below(1_000_000))
      for (const name of seen.state.channels.keys()) await readChannel(stage, store, state, name)
    } catch (error) {
      // A mirror that nothing was brought to yet.
      const isMissing = (error as { code?: unknown }).code === 'REPOSITORY_MISSING' && isEmpty
      if (!isTransient(error) && !isMissing) throw error
    }
  }
}

/** The commit that the state is, which must have been visible at some moment since the reading began. */
function commitOf(state: RepositoryState, commits: readonly Commit[], begun: number): Commit {
  const { version } = state.timestamp.metadata.signed
  const index = commits.findIndex((commit) => commit.state.timestamp === version)
  const found = commits[index]
  if (found === undefined) throw new Violation(`a reader sees timestamp ${version}, which never was visible`)
  const listed = new Map<string, string>()
  for (const role of [state.releases, state.channels]) {
    for (const [path, { hashes }] of Object.entries(role.metadata.signed.targets)) {
      listed.set(path, hashes['sha256'] ?? '')
    }
  }
  const expected = new Map<string, string>()
  for (const [release, digest] of found.state.releases) expected.set(`releases/${release}.json`, digest)
  for (const [channel, digest] of found.state.channels) expected.set(`channels/${channel}.json`, digest)
  const isSame =
    listed.size === expected.size && [...listed].every(([path, digest]) => expected.get(path) === digest)
  if (!isSame) throw new Violation(`a reader sees a mixture under timestamp ${version}`)
  const next = commits[index + 1]
  if (next !== undefined && next.step < begun)
    throw new Violation(`a reader sees timestamp ${version}, which was replaced`)
  return found
}

async function readChannel(
  stage: Stage,
  store: BlobReader,
  state: RepositoryState,
  name: string,
): Promise<void> {
  const repository = new Repository(store, state)
  const { version } = await repository.channel(name)
  const release = await repository.release(version)
  try {
    for (const [module, of] of Object.entries(release.modules))
      await readModule(stage, repository, module, of)
  } catch (error) {
    if (!isDamage(error)) throw error
    // A release may go while somebody reads it: once it is not listed any more.
    const { commits } = stage.checker
    const since = commits.findIndex(
      (commit) => commit.state.timestamp === state.timestamp.metadata.signed.version,
    )
    if (commits.slice(since).some((commit) => !commit.state.releases.has(version))) return
    throw new Violation(`a reader of release ${version}: ${error.message}`, { cause: error })
  }
}

async function readModule(
  stage: Stage,
  repository: Repository,
  name: string,
  module: ReleaseModule,
): Promise<void> {
  const { chunkTable, entries } = await repository.manifest(module)
  const content: Buffer[] = []
  for await (const _ of entries);
  for (const chunk of chunkTable) content.push(await repository.chunk(chunk))
  const expected = stage.trees.get(module.manifest.digest)
  if (expected?.module === name && expected.content.equals(Buffer.concat(content))) return
  throw new Violation(`a reader finds other content in module ${name} than was published`)
}
