import type { RedirectsOptions } from '../server/redirects.ts'
import type { CommandContext } from './command-context.ts'
import { SettingsError } from './settings.ts'

/** Undefined where nothing is fetched elsewhere. Throws a SettingsError for what contradicts the other settings. */
export async function openRedirects({
  settings,
  env,
}: CommandContext): Promise<RedirectsOptions | undefined> {
  const { store, redirects: targets, redirectsFrom: fromBytes, tlsCertificate, behindTls } = settings
  if (targets === undefined) return undefined
  const isPresigned = [...targets.values()].includes('presigned')
  if (isPresigned && !store.url.startsWith('s3:')) {
    throw new SettingsError([`redirects: only an s3: store has URLs to sign, and the store is ${store.name}`])
  }
  const plain = [...targets].find(([, target]) => target !== 'presigned' && target.base.startsWith('http:'))
  if (plain !== undefined && (tlsCertificate !== undefined || behindTls)) {
    throw new SettingsError([
      `redirects: clients that came by HTTPS do not follow to plain HTTP: give ${plain[0]} an https: URL`,
    ])
  }
  if (!isPresigned) return { targets, fromBytes }
  const [{ s3Options }, { S3Presigner }] = await Promise.all([
    import('../../storage/open-store.ts'),
    import('../../storage/s3-presign.ts'),
  ])
  const options = s3Options(store.url, env)
  if (options.endpoint?.startsWith('http:') === true && (tlsCertificate !== undefined || behindTls)) {
    throw new SettingsError([
      "redirects: clients that came by HTTPS do not follow to plain HTTP: give the store's endpoint as https:",
    ])
  }
  return { targets, fromBytes, presigner: new S3Presigner(options) }
}
