import type { RedirectTarget } from '../server/redirects.ts'
import { objectClasses, type ObjectClass } from '../server/served-object.ts'
import { suggestName } from '../suggest-name.ts'
import { quote } from './setting-parsers.ts'

/**
 * `packs=presigned,chunks=https://cdn.example/`; what is replaced, the timestamp, has no class. What it throws is the end
 * of a sentence that begins with where the value came from.
 */
export function parseRedirects(text: string): ReadonlyMap<ObjectClass, RedirectTarget> {
  const targets = new Map<ObjectClass, RedirectTarget>()
  for (const part of text.split(',')) {
    const [, name = '', target] = /^([a-z]+)=(.+)$/.exec(part.trim()) ?? []
    if (target === undefined) throw new Error(`${quote(part)} is not CLASS=presigned or CLASS=URL`)
    const objectClass = parseClass(name)
    if (targets.has(objectClass)) throw new Error(`${name} is given twice`)
    targets.set(objectClass, parseTarget(target))
  }
  return targets
}

function parseClass(name: string): ObjectClass {
  const found = objectClasses.find((known) => known === name)
  if (found !== undefined) return found
  const advice = suggestName(name, objectClasses) || `; there are ${objectClasses.join(', ')}`
  throw new Error(`there is no class ${name} of objects to redirect${advice}`)
}

function parseTarget(text: string): RedirectTarget {
  if (text === 'presigned') return text
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (!isWeb || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Error(`${quote(text)} is neither presigned nor a URL such as https://cdn.example/vend/`)
  }
  return { base: url.href.endsWith('/') ? url.href : `${url.href}/` }
}
