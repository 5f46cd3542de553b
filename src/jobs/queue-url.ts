/** Where jobs wait, as a setting says it. */
export type QueuePlace = { readonly kind: 'inline' } | RedisPlace

export interface RedisPlace {
  readonly kind: 'redis'
  readonly host: string
  readonly port: number
  readonly db: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: boolean
  /** Of all keys. Repositories that share a database need one each. */
  readonly prefix: string
  /** A worker that says nothing for so long, in milliseconds, counts as dead. */
  readonly lockMs: number
}

const forms =
  'inline: or redis://[user:password@]host[:port][/database][?prefix=name&lock=30s], rediss:// with TLS'

/** Throws what is wrong as the end of a sentence, and without the password that may be in the text. */
export function parseQueueUrl(text: string): QueuePlace {
  if (text === 'inline:') return { kind: 'inline' }
  const url = /^rediss?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '') throw new Error(`not a queue; write ${forms}`)
  const [database = '', ...rest] = url.pathname.slice(1).split('/')
  const db = /^\d{1,4}$/.test(database) ? Number(database) : 0
  if (rest.length > 0 || (database !== '' && !/^\d{1,4}$/.test(database))) {
    throw new Error(`its database is a number, such as redis://${url.host}/0`)
  }
  const { prefix = 'vend', lock = '30s', ...others } = Object.fromEntries(url.searchParams)
  if (!/^[a-z0-9-]{1,40}$/.test(prefix)) throw new Error('its prefix is of a-z 0-9 -, at most 40 of them')
  const [other] = Object.keys(others)
  if (other !== undefined)
    throw new Error(`it takes no parameter ${JSON.stringify(other)}, only prefix and lock`)
  const [, seconds] = /^(\d{1,4})s$/.exec(lock) ?? []
  if (!(Number(seconds) >= 1)) throw new Error('its lock is a time in seconds, such as 30s')
  return {
    kind: 'redis',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    db,
    username: decoded(url.username),
    password: decoded(url.password),
    tls: url.protocol === 'rediss:',
    prefix,
    lockMs: Number(seconds) * 1000,
  }
}

/** For messages: without user and password. */
export function nameOfQueue(place: QueuePlace): string {
  if (place.kind === 'inline') return 'inline:'
  const { host, port, db, tls, prefix } = place
  const address = host.includes(':') ? `[${host}]` : host
  return `${tls ? 'rediss' : 'redis'}://${address}:${port}/${db}${prefix === 'vend' ? '' : `?prefix=${prefix}`}`
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text)
}
