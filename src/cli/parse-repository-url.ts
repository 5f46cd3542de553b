import { quote } from './setting-parsers.ts'

/** The base URL of a repository, with a slash at its end. */
export function parseRepositoryUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error(`${quote(text)} is not the URL of a server; write https://host/path`)
  }
  if (url.username !== '' || url.password !== '') throw new Error('a repository has no user or password')
  if (url.search !== '' || url.hash !== '') throw new Error('a repository has no ? or # in its URL')
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}
