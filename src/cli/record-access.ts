import { hostname, userInfo } from 'node:os'
import type { AccessEntry } from '../access/access-entry.ts'
import type { CommandContext } from './command-context.ts'

/** Into the store's access log: what someone did at a command line, with the store's own credentials. */
export async function recordAccess(
  { settings, now }: Pick<CommandContext, 'settings' | 'now'>,
  entry: Pick<AccessEntry, 'what' | 'target' | 'outcome' | 'code'>,
): Promise<void> {
  const { AccessLog } = await import('../access/access-log.ts')
  await new AccessLog({ store: settings.store, now }).record({
    who: `local:${userName()}@${hostname()}`,
    ...entry,
  })
}

/** A user without a name, as in some containers, has a number. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
