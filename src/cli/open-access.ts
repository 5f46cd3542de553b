import { readFile } from 'node:fs/promises'
import type { BlobStore } from '../../storage/blob-store.ts'
import type { AccessOptions } from '../server/access/access-control.ts'
import type { CommandContext } from './command-context.ts'
import { SettingsError } from './settings.ts'

/** Who may do what at a server of this store. Throws SETTINGS_INVALID with all that is wrong with the file. */
export async function openAccess(
  { settings: { access: path } }: Pick<CommandContext, 'settings'>,
  store: BlobStore,
): Promise<AccessOptions> {
  if (path === undefined) return { store }
  const { readOidcSettings } = await import('../access/oidc/oidc-settings.ts')
  const oidc = readOidcSettings(await readText(path))
  if (!('issuers' in oidc)) throw new SettingsError(oidc.map((problem) => `${path}: ${problem}`))
  return { store, oidc }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new SettingsError([`--access: ${error.message}`])
  }
}
