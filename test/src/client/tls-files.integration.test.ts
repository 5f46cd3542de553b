import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTlsFiles } from '../../../src/client/tls-files.ts'
import { TlsAuthority, type CertifiedPair } from '../../support/tls-authority.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-tls-files-'))
const now = new Date()
let ca: TlsAuthority
let pair: CertifiedPair
let other: CertifiedPair
let old: CertifiedPair

beforeAll(() => {
  ca = new TlsAuthority(directory, 'ca')
  pair = ca.issue('pair', 'DNS:a.test')
  other = ca.issue('other', 'DNS:b.test')
  old = ca.issue('old', 'DNS:c.test', -1)
})
afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(directory, name), content)
  return join(directory, name)
}

function der(certificate: string): Buffer {
  return execFileSync('openssl', ['x509', '-in', certificate, '-outform', 'DER'])
}

function encrypted(key: string): Buffer {
  return execFileSync('openssl', ['pkcs8', '-topk8', '-in', key, '-passout', 'pass:secret'])
}

test('a bundle and a chain are taken whole', () => {
  const bundle = `# ours\n${readFileSync(ca.certificate, 'utf8')}\n${readFileSync(old.certificate, 'utf8')}`
  const chain = readFileSync(pair.certificate, 'utf8') + readFileSync(ca.certificate, 'utf8')
  const settings = {
    ca: file('bundle.pem', bundle),
    clientCertificate: file('chain.pem', chain),
    clientKey: pair.key,
  }
  expect(readTlsFiles(settings, now)).toEqual({
    ca: bundle,
    client: { cert: chain, key: readFileSync(pair.key, 'utf8') },
  })
  expect(readTlsFiles({}, now)).toEqual({ ca: undefined, client: undefined })
})

test.each([
  ['no CA file', () => ({ ca: join(directory, 'none') }), /CA file .*none is not there/],
  ['a directory', () => ({ ca: directory }), /cannot be read: .*EISDIR/],
  ['a CA file of DER', () => ({ ca: file('der', der(ca.certificate)) }), /is not PEM/],
  ['an empty CA file', () => ({ ca: file('empty', '') }), /is not PEM/],
  ['a key as a CA file', () => ({ ca: pair.key }), /has a key and no certificate/],
  ['an expired CA file', () => ({ ca: old.certificate }), /only certificates that have expired/],
  [
    'half a certificate',
    () => ({ ca: file('cut', readFileSync(ca.certificate, 'utf8').replace(/\n[^-]{60}/, '\n')) }),
    /damaged certificate/,
  ],
  ['another key', () => ({ clientCertificate: pair.certificate, clientKey: other.key }), /does not fit/],
  [
    'the two exchanged',
    () => ({ clientCertificate: pair.key, clientKey: pair.certificate }),
    /has a key and no certificate/,
  ],
  [
    'a certificate for its key',
    () => ({ clientCertificate: pair.certificate, clientKey: pair.certificate }),
    /has a certificate and no key/,
  ],
  [
    'an encrypted key',
    () => ({ clientCertificate: pair.certificate, clientKey: file('encrypted', encrypted(pair.key)) }),
    /is encrypted/,
  ],
  [
    'an expired certificate',
    () => ({ clientCertificate: old.certificate, clientKey: old.key }),
    /expired on \d{4}-/,
  ],
])('%s: refused by name, with the way out', (_, settings, message) => {
  expect(() => readTlsFiles(settings(), now)).toThrow(
    expect.objectContaining({
      code: 'TLS_FILES_INVALID',
      message: expect.stringMatching(message) as string,
      hint: expect.any(String) as string,
    }) as Error,
  )
})

test('a certificate of the future is refused', () => {
  const settings = { clientCertificate: pair.certificate, clientKey: pair.key }
  const past = new Date(now.getTime() - 3 * 24 * 3600 * 1000)
  expect(() => readTlsFiles(settings, past)).toThrow(/not valid before/)
})
