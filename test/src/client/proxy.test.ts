import { expect, test } from 'vitest'
import { proxyFor, shownProxy, type ProxyVariables } from '../../../src/client/proxy.ts'

function chosen(url: string, env: ProxyVariables, setting?: string): string | undefined {
  return proxyFor(new URL(url), setting, env)?.url
}

test.each<[string, ProxyVariables, string | undefined, string | undefined]>([
  ['https://a.test/', {}, undefined, undefined],
  ['https://a.test/', { HTTPS_PROXY: 'http://p:1' }, undefined, 'http://p:1'],
  ['http://a.test/', { HTTPS_PROXY: 'http://p:1' }, undefined, undefined],
  ['http://a.test/', { HTTP_PROXY: 'http://p:1' }, undefined, 'http://p:1'],
  ['https://a.test/', { HTTPS_PROXY: 'http://p:1', https_proxy: 'http://q:2' }, undefined, 'http://q:2'],
  ['https://a.test/', { HTTPS_PROXY: '', ALL_PROXY: 'https://all:3' }, undefined, 'https://all:3'],
  ['https://a.test/', { HTTPS_PROXY: 'p.test:3128' }, undefined, 'http://p.test:3128'],
  ['https://a.test/', { HTTPS_PROXY: 'http://p:1' }, 'none', undefined],
  ['https://a.test/', { HTTPS_PROXY: 'http://p:1' }, 'http://mine:9/', 'http://mine:9'],
  ['https://a.test/', { NO_PROXY: 'a.test' }, 'http://mine:9/', undefined],
])('%s with %o and the setting %s goes through %s', (url, env, setting, proxy) => {
  expect(chosen(url, env, setting)).toBe(proxy)
})

test.each([
  ['*', 'https://a.test/', true],
  ['a.test', 'https://a.test/', true],
  ['A.TEST', 'https://a.test/', true],
  ['a.test', 'https://b.a.test/', true],
  ['.a.test', 'https://b.a.test/', true],
  ['*.a.test', 'https://b.a.test/', true],
  ['a.test', 'https://ba.test/', false],
  ['x, a.test y', 'https://a.test/', true],
  ['a.test:443', 'https://a.test/', true],
  ['a.test:8443', 'https://a.test/', false],
  ['a.test:80', 'http://a.test/', true],
  ['127.0.0.1', 'https://127.0.0.1:8443/', true],
  ['0.0.1', 'https://127.0.0.1/', false],
  ['127.0.0.0/8', 'https://127.4.5.6/', true],
  ['10.0.0.0/8', 'https://127.4.5.6/', false],
  ['10.0.0.0/99', 'https://10.4.5.6/', false],
  ['[::1]', 'https://[::1]/', true],
  ['::1', 'https://[::1]:80/', true],
  ['[::1]:443', 'https://[::1]/', true],
  ['[::1]:444', 'https://[::1]/', false],
  ['fd00::/8', 'https://[fd12::1]/', true],
  ['fd00::/8', 'https://10.0.0.1/', false],
  ['', 'https://a.test/', false],
  [',', 'https://a.test/', false],
])('NO_PROXY %j exempts %s: %s', (list, url, isExempt) => {
  expect(
    chosen(url, { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:1', NO_PROXY: list }) === undefined,
  ).toBe(isExempt)
})

test('credentials are sent and never shown', () => {
  const proxy = proxyFor(new URL('https://a.test/'), 'http://me:p%40ss@p.test:3128/', {})
  expect(proxy).toEqual({
    url: 'http://p.test:3128',
    authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
  })
  expect(shownProxy('http://me:p%40ss@p.test:3128/')).toBe('http://me:…@p.test:3128')
  expect(shownProxy('http://p.test:3128/')).toBe('http://p.test:3128')
  expect(shownProxy('none')).toBe('none')
})

test.each(['socks5://me:secret@p:1', 'http://', 'ftp://p'])(
  '%s in the environment is refused unseen',
  (value) => {
    expect(() => chosen('https://a.test/', { HTTPS_PROXY: value })).toThrow(
      expect.objectContaining({
        code: 'SETTINGS_INVALID',
        message: 'HTTPS_PROXY in the environment is not the URL of a proxy',
      }) as Error,
    )
  },
)
