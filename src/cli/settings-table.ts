import {
  parseListen,
  parseLogLevel,
  parsePathText,
  parseSecretText,
  parseQueue,
  parseSourceDateEpoch,
  parseStore,
  type Environment,
} from './setting-parsers.ts'
import { parseCount } from './parse-count.ts'
import { parseDuration } from './parse-duration.ts'
import { parseByteCount, parseLimits, parseTrustProxy, parseYesOrNo } from './serving-setting-parsers.ts'
import { parseSourceList } from './parse-source-list.ts'
import { parseRedirects } from './parse-redirects.ts'
import { parseVersions } from './parse-versions.ts'
import { parseWait } from './parse-wait.ts'

/** One setting and every way to say it. The command line, the environment, vend.yaml and the help follow from it. */
export interface Setting<Value> {
  /** What a person writes for the value in help: `URL`, `DIRECTORY` … */
  readonly placeholder: string
  readonly flag?: `--${string}`
  readonly env: string
  /** In vend.yaml; a dot leads into a mapping. */
  readonly key?: string
  /** As it would be written; without one the setting may be left out. */
  readonly default?: string
  readonly description: string
  readonly parse: (text: string, env: Environment) => Value | Promise<Value>
}

/** Every setting of both programs: a machine may have the variables of the two. */
export const settingsTable = {
  store: setting({
    placeholder: 'URL',
    flag: '--store',
    env: 'VEND_STORE',
    key: 'store',
    default: 'file:./repository',
    description:
      'where the repository lies: file:DIRECTORY, s3://bucket/prefix?endpoint=…&region=…, or https://host of a server',
    parse: parseStore,
  }),
  keys: setting({
    placeholder: 'DIRECTORY',
    flag: '--keys',
    env: 'VEND_KEYS',
    key: 'keys',
    default: './keys',
    description: 'the directory of the keys that sign',
    parse: parsePathText,
  }),
  passphraseFile: setting({
    placeholder: 'FILE',
    env: 'VEND_PASSPHRASE_FILE',
    key: 'passphraseFile',
    description: 'a file whose first line is the passphrase of encrypted keys; default: ask at the terminal',
    parse: parsePathText,
  }),
  machine: setting({
    placeholder: 'DIRECTORY',
    flag: '--machine',
    env: 'VEND_MACHINE',
    key: 'machine',
    default: '/var/lib/vend',
    description: 'the directory of the machine: its roots, and what it follows and trusts',
    parse: parsePathText,
  }),
  hookTimeout: setting({
    placeholder: 'TIME',
    flag: '--hook-timeout',
    env: 'VEND_HOOK_TIMEOUT',
    key: 'hooks.timeout',
    default: '10m',
    description: 'what each hook of a release may take, in the new root, before the update is given up',
    parse: parseDuration,
  }),
  gcKeepLast: setting({
    placeholder: 'N',
    flag: '--keep-last',
    env: 'VEND_GC_KEEP_LAST',
    key: 'gc.keepLast',
    description: 'how many of the latest releases stay, whatever names them; without it all releases stay',
    parse: parseCount,
  }),
  gcPin: setting({
    placeholder: 'VERSION,…',
    flag: '--pin',
    env: 'VEND_GC_PIN',
    key: 'gc.pin',
    description: 'releases that stay though nothing else keeps them',
    parse: parseVersions,
  }),
  gcGrace: setting({
    placeholder: 'TIME',
    flag: '--grace',
    env: 'VEND_GC_GRACE',
    key: 'gc.grace',
    default: '1d',
    description: 'what is younger is no garbage yet',
    parse: parseWait,
  }),
  gcQuarantine: setting({
    placeholder: 'TIME',
    flag: '--quarantine',
    env: 'VEND_GC_QUARANTINE',
    key: 'gc.quarantine',
    default: '7d',
    description:
      'for how long garbage stays condemned, and can be taken back, before it is removed; 0s: at once',
    parse: parseWait,
  }),
  queue: setting({
    placeholder: 'URL',
    flag: '--queue',
    env: 'VEND_QUEUE',
    key: 'queue',
    default: 'inline:',
    description:
      'where jobs wait: inline: (in this process) or redis://host:port/database, rediss:// with TLS',
    parse: parseQueue,
  }),
  mirrorSources: setting({
    placeholder: 'URL,…',
    flag: '--mirror-sources',
    env: 'VEND_MIRROR_SOURCES',
    key: 'mirror.sources',
    default: 'none',
    description: 'what jobs may mirror into the store: stores and served repositories; none',
    parse: parseSourceList,
  }),
  listen: setting({
    placeholder: 'HOST:PORT',
    flag: '--listen',
    env: 'VEND_LISTEN',
    key: 'listen',
    default: '127.0.0.1:8080',
    description: 'the address to serve on',
    parse: parseListen,
  }),
  tlsCertificate: setting({
    placeholder: 'FILE',
    flag: '--tls-certificate',
    env: 'VEND_TLS_CERTIFICATE',
    key: 'tls.certificate',
    description: 'the certificate chain to serve HTTPS with, in PEM form',
    parse: parsePathText,
  }),
  tlsKey: setting({
    placeholder: 'FILE',
    flag: '--tls-key',
    env: 'VEND_TLS_KEY',
    key: 'tls.key',
    description: "the certificate's private key, in PEM form",
    parse: parsePathText,
  }),
  behindTls: setting({
    placeholder: 'yes|no',
    flag: '--behind-tls',
    env: 'VEND_BEHIND_TLS',
    key: 'tls.inFront',
    default: 'no',
    description: 'whether a proxy in front speaks HTTPS for us: browsers are then told to insist on it',
    parse: parseYesOrNo,
  }),
  trustProxy: setting({
    placeholder: 'PROXIES',
    flag: '--trust-proxy',
    env: 'VEND_TRUST_PROXY',
    key: 'trustProxy',
    default: 'none',
    description:
      'whose X-Forwarded-For the log believes: none, a number of proxies in front, or addresses, networks and ' +
      'loopback, linklocal, uniquelocal, separated by commas',
    parse: parseTrustProxy,
  }),
  limits: setting({
    placeholder: 'NAME=NUMBER,…',
    flag: '--limits',
    env: 'VEND_LIMITS',
    key: 'limits',
    description:
      'what one stranger may take of the server, such as maxConnections=20000,shutdownGraceMs=5000',
    parse: parseLimits,
  }),
  packsOnDemand: setting({
    placeholder: 'yes|no',
    flag: '--packs-on-demand',
    env: 'VEND_PACKS_ON_DEMAND',
    key: 'packs.onDemand',
    default: 'yes',
    description: 'whether to build packs that are asked for and not there',
    parse: parseYesOrNo,
  }),
  packsMaxContent: setting({
    placeholder: 'BYTES',
    flag: '--packs-max-content',
    env: 'VEND_PACKS_MAX_CONTENT',
    key: 'packs.maxContent',
    default: '16GB',
    description: 'the contents of the two manifests of a pack that is built on demand, together at most',
    parse: parseByteCount,
  }),
  packsMaxDaily: setting({
    placeholder: 'BYTES',
    flag: '--packs-max-daily',
    env: 'VEND_PACKS_MAX_DAILY',
    key: 'packs.maxDaily',
    default: '64GB',
    description: 'the packs that are built on demand in a day, together about',
    parse: parseByteCount,
  }),
  cache: setting({
    placeholder: 'BYTES',
    flag: '--cache',
    env: 'VEND_CACHE',
    key: 'cache.memory',
    default: '64MiB',
    description: 'memory for objects that many ask for, each of which is read from the store once; 0: none',
    parse: parseByteCount,
  }),
  cacheDirectory: setting({
    placeholder: 'DIRECTORY',
    flag: '--cache-directory',
    env: 'VEND_CACHE_DIRECTORY',
    key: 'cache.directory',
    description: 'where objects are kept that have no room in memory; processes of one machine may share it',
    parse: parsePathText,
  }),
  cacheDirectoryMax: setting({
    placeholder: 'BYTES',
    flag: '--cache-directory-max',
    env: 'VEND_CACHE_DIRECTORY_MAX',
    key: 'cache.directoryMax',
    default: '10GB',
    description: 'the objects in that directory, together about',
    parse: parseByteCount,
  }),
  redirects: setting({
    placeholder: 'CLASS=TARGET,…',
    flag: '--redirects',
    env: 'VEND_REDIRECTS',
    key: 'redirects.to',
    description:
      "where objects are fetched instead: packs=presigned (the bucket's own URLs), chunks=https://cdn.example/",
    parse: parseRedirects,
  }),
  redirectsFrom: setting({
    placeholder: 'BYTES',
    flag: '--redirects-from',
    env: 'VEND_REDIRECTS_FROM',
    key: 'redirects.from',
    default: '64KiB',
    description: 'objects of so many bytes or more are fetched elsewhere, smaller ones here',
    parse: parseByteCount,
  }),
  reports: setting({
    placeholder: 'yes|no',
    flag: '--reports',
    env: 'VEND_REPORTS',
    key: 'reports',
    default: 'no',
    description: 'whether to take and count the reports of machines on how their updates went',
    parse: parseYesOrNo,
  }),
  metrics: setting({
    placeholder: 'HOST:PORT',
    flag: '--metrics',
    env: 'VEND_METRICS',
    key: 'metrics',
    description:
      'the address to serve metrics on, such as 127.0.0.1:9464; without it none are taken (docs/metrics.md)',
    parse: parseListen,
  }),
  access: setting({
    placeholder: 'FILE',
    flag: '--access',
    env: 'VEND_ACCESS',
    key: 'access.oidc',
    description: 'a YAML file that says which OIDC tokens of CI systems may do what (docs/publishing.md)',
    parse: parsePathText,
  }),
  publishing: setting({
    placeholder: 'yes|no',
    flag: '--publishing',
    env: 'VEND_PUBLISHING',
    key: 'publishing',
    default: 'no',
    description: 'whether to take what holders of tokens publish over HTTPS (docs/publishing.md)',
    parse: parseYesOrNo,
  }),
  token: setting({
    placeholder: 'TOKEN',
    env: 'VEND_TOKEN',
    description: 'the token that a store at https:// is published to with',
    parse: parseSecretText,
  }),
  tokenFile: setting({
    placeholder: 'FILE',
    env: 'VEND_TOKEN_FILE',
    description: 'a file that has that token; it is read anew when the server refuses it',
    parse: parsePathText,
  }),
  ca: setting({
    placeholder: 'FILE',
    env: 'VEND_CA',
    description: 'the PEM file of the authority that signs the certificate of a store at https://',
    parse: parsePathText,
  }),
  refresh: setting({
    placeholder: 'yes|no',
    flag: '--refresh',
    env: 'VEND_REFRESH',
    key: 'refresh',
    default: 'no',
    description: 'whether the server signs snapshot and timestamp anew before they expire',
    parse: parseYesOrNo,
  }),
  logLevel: setting({
    placeholder: 'LEVEL',
    flag: '--log-level',
    env: 'VEND_LOG_LEVEL',
    key: 'logLevel',
    default: 'info',
    description: 'debug, info, warn, error or silent',
    parse: parseLogLevel,
  }),
  sourceDateEpoch: setting({
    placeholder: 'SECONDS',
    env: 'SOURCE_DATE_EPOCH',
    description: 'publish no later mtime than this, and date releases with it',
    parse: parseSourceDateEpoch,
  }),
} satisfies Record<string, Setting<unknown>>

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>

export type SettingName = keyof typeof settingsTable

/** What a table's settings come to. One without a default may be undefined. */
export type SettingValues<Table extends SettingsTable> = {
  readonly [Name in keyof Table]:
    | Awaited<ReturnType<Table[Name]['parse']>>
    | (Table[Name] extends { readonly default: string } ? never : undefined)
}

export type Settings = SettingValues<typeof settingsTable>

function setting<Value, Entry extends Setting<Value>>(entry: Entry & Setting<Value>): Entry {
  return entry
}
