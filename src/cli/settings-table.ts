import {
  parseListen,
  parseLogLevel,
  parsePathText,
  parseQueue,
  parseSourceDateEpoch,
  parseStore,
  type Environment,
} from './setting-parsers.ts'
import { parseDuration } from './parse-duration.ts'
import { parseByteCount, parseLimits, parseTrustProxy, parseYesOrNo } from './serving-setting-parsers.ts'

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
    description: 'where the repository lies: file:DIRECTORY or s3://bucket/prefix?endpoint=…&region=…',
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
  queue: setting({
    placeholder: 'URL',
    flag: '--queue',
    env: 'VEND_QUEUE',
    key: 'queue',
    default: 'inline:',
    description: 'where jobs wait: inline: (in this process)',
    parse: parseQueue,
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
  reports: setting({
    placeholder: 'yes|no',
    flag: '--reports',
    env: 'VEND_REPORTS',
    key: 'reports',
    default: 'no',
    description: 'whether to take and count the reports of machines on how their updates went',
    parse: parseYesOrNo,
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
