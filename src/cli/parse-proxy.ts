/** A proxy for machines: its URL, `none`, or `environment` for what HTTPS_PROXY and NO_PROXY say. */
export function parseProxy(text: string): string {
  if (text === 'none' || text === 'environment') return text
  const url = URL.parse(text)
  // The text itself may hold a password, and is not repeated.
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(
      'it is not the URL of a proxy; write http://[USER:PASSWORD@]HOST:PORT, none, or environment for what HTTPS_PROXY says',
    )
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Error('a proxy has no path; write http://[USER:PASSWORD@]HOST:PORT')
  }
  return url.href
}
