import type { PublishProgress } from '../ingest/publish-release.ts'
import type { RemoteStore } from '../remote/remote-store.ts'
import type { CommandContext } from './command-context.ts'
import { parseRemoteStore, quote } from './setting-parsers.ts'

const tickMs = 500

/** Where a release is published: the store of the settings, or the server of --to. */
export interface PublishTarget extends AsyncDisposable {
  readonly context: CommandContext
  readonly remote: RemoteStore | undefined
}

/** `to`: the URL of a server. */
export async function openPublishTarget(
  context: CommandContext,
  to: string | undefined,
): Promise<PublishTarget> {
  const { settings, env } = context
  const store = to === undefined ? settings.store : await parseRemoteStore(to, env)
  return {
    context: to === undefined ? context : { ...context, settings: { ...settings, store } },
    remote: isRemote(store) ? store : undefined,
    // That of the settings is its owner's to close.
    [Symbol.asyncDispose]: async () => {
      if (to !== undefined) await store[Symbol.asyncDispose]()
    },
  }
}

/** What bytes are sent shows also while no tree is read any more. */
export class SendingProgress implements Disposable {
  readonly #report: (done: PublishProgress) => void
  readonly #timer: NodeJS.Timeout | undefined
  #last: PublishProgress | undefined

  constructor(report: (done: PublishProgress) => void, remote: RemoteStore | undefined) {
    this.#report = report
    if (remote === undefined) return
    this.#timer = setInterval(() => {
      if (this.#last !== undefined) report(this.#last)
    }, tickMs)
  }

  update(done: PublishProgress): void {
    this.#last = done
    this.#report(done)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

/** Of --to: what is no server has --store. */
export function parseServerUrl(text: string): string {
  if (/^https?:\/\//.test(text)) return text
  throw new Error(
    `${quote(text)} is not the URL of a server; write https://host, or name a store with --store`,
  )
}

function isRemote(store: object): store is RemoteStore {
  return 'intend' in store
}
