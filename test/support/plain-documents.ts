import { commit, type CommitContext } from '../../src/repository/commit.ts'
import { loadState } from '../../src/repository/repository-state.ts'

/** Signs a repository's roles anew without the documents that they carry, as repositories once were. */
export async function dropCarriedDocuments(context: CommitContext): Promise<void> {
  const state = await loadState(context.store)
  for (const role of [state.releases, state.channels]) {
    for (const target of Object.values(role.metadata.signed.targets))
      delete target.unrecognizedFields['custom']
  }
  await commit(context, state, { renewed: new Set(['releases', 'channels']) })
}
