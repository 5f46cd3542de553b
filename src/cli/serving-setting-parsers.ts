import { isIP } from 'node:net'
import { defaultLimits, type ServerLimits } from '../server/limits.ts'
import { quote } from './setting-parsers.ts'
import { suggestName } from '../suggest-name.ts'

/** Parsers of the settings that only a server has; as in setting-parsers.ts. */

export function parseYesOrNo(text: string): boolean {
  if (text === 'yes' || text === 'true') return true
  if (text === 'no' || text === 'false') return false
  throw new Error(`${quote(text)} is neither yes nor no`)
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

export function parseByteCount(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}) ?([A-Za-z]*)$/.exec(text) ?? []
  const bytes = Number(digits) * (units[unit] ?? Number.NaN)
  if (Number.isSafeInteger(bytes)) return bytes
  throw new Error(`${quote(text)} is not a number of bytes; write such as 500000, 500kB, 64GB or 64GiB`)
}

const namedNetworks = ['loopback', 'linklocal', 'uniquelocal']

/** As express's "trust proxy" takes it, but never everyone: then anyone could call himself anything. */
export function parseTrustProxy(text: string): false | number | readonly string[] {
  if (text === 'none') return false
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  const proxies = text.split(',').map((part) => part.trim())
  const wrong = proxies.find((proxy) => !namedNetworks.includes(proxy) && !isNetwork(proxy))
  if (wrong === undefined) return proxies
  const forms = `none, a number of proxies, addresses such as 10.0.0.0/8, or ${namedNetworks.join(', ')}`
  throw new Error(`${quote(wrong)} is no proxy; write ${forms}`)
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128)
}

export function parseLimits(text: string): Partial<ServerLimits> {
  return Object.fromEntries(text.split(',').map((part) => parseLimit(part.trim())))
}

function parseLimit(text: string): readonly [name: string, value: number] {
  const [, name = '', digits] = /^([A-Za-z]+)=(\d{1,9})$/.exec(text) ?? []
  if (digits === undefined) throw new Error(`${quote(text)} is not NAME=NUMBER`)
  const names = Object.keys(defaultLimits)
  if (names.includes(name)) return [name, Number(digits)]
  const advice = suggestName(name, names) || `; there are ${names.join(', ')}`
  throw new Error(`there is no limit ${name}${advice}`)
}
