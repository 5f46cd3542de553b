import { BlockList, isIP } from 'node:net'
import { MachineError } from './errors.ts'

/** The variables in which programs look for their proxies. */
export type ProxyVariables = Readonly<Record<string, string | undefined>>

export interface Proxy {
  /** Without user and password: this may be shown. */
  readonly url: string
  /** The value of Proxy-Authorization (RFC 7617). */
  readonly authorization: string | undefined
}

/**
 * What a request goes through: the proxy of the machine's own settings, else that of `HTTPS_PROXY`, `HTTP_PROXY` or
 * `ALL_PROXY`, unless `NO_PROXY` names the host. Lower case wins. Throws SETTINGS_INVALID, without the value, which
 * may hold a password.
 */
export function proxyFor(url: URL, setting: string | undefined, env: ProxyVariables): Proxy | undefined {
  if (setting === 'none' || isExempt(url, variable('no_proxy', env)?.value)) return undefined
  if (setting !== undefined) return proxyOf(setting, "the proxy in the machine's settings")
  const named =
    variable(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy', env) ?? variable('all_proxy', env)
  if (named === undefined) return undefined
  const { name, value } = named
  return proxyOf(value.includes('://') ? value : `http://${value}`, `${name} in the environment`)
}

/** For people: whether there are credentials, and not which. */
export function shownProxy(text: string): string {
  const url = URL.parse(text)
  if (url === null) return text
  const user = url.username === '' ? '' : `${url.username}${url.password === '' ? '' : ':…'}@`
  return `${url.protocol}//${user}${url.host}`
}

export function hasCredentials(text: string | undefined): boolean {
  const url = text === undefined ? null : URL.parse(text)
  return url !== null && (url.username !== '' || url.password !== '')
}

function proxyOf(text: string, origin: string): Proxy {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new MachineError('SETTINGS_INVALID', `${origin} is not the URL of a proxy`, {
      hint: 'write http://host:port or https://host:port, with user:password@ before the host if it wants them',
    })
  }
  return { url: url.origin, authorization: authorizationOf(url) }
}

function authorizationOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function variable(
  name: string,
  env: ProxyVariables,
): { readonly name: string; readonly value: string } | undefined {
  const found = [name, name.toUpperCase()].find((each) => (env[each] ?? '') !== '')
  return found === undefined ? undefined : { name: found, value: env[found] ?? '' }
}

/** `NO_PROXY`: `*`, or hosts, domains (with a dot before them or not), addresses and networks, some with a port. */
function isExempt(url: URL, list: string | undefined): boolean {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return (list ?? '')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || isNamed(entry.toLowerCase(), host, port))
}

function isNamed(entry: string, host: string, port: string): boolean {
  if (entry.includes('/')) return isInNetwork(entry, host)
  const [, bracketed, plain, entryPort] = /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? []
  if (entryPort !== undefined && entryPort !== port) return false
  const name = bracketed ?? plain ?? ''
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host
  const domain = name.replace(/^\*?\./, '')
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`))
}

function isInNetwork(entry: string, host: string): boolean {
  const [address = '', bits = ''] = entry.split('/')
  const family = isIP(address)
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false
  if (Number(bits) > (family === 4 ? 32 : 128)) return false
  const name = family === 4 ? 'ipv4' : 'ipv6'
  const network = new BlockList()
  network.addSubnet(address, Number(bits), name)
  return network.check(host, name)
}
