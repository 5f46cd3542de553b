import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionSettings } from './connection-settings.ts'
import { MachineError } from './errors.ts'

/** What TLS is spoken with; what is undefined is Node.js's own. */
export interface TlsFiles {
  readonly ca: string | undefined
  readonly client: { readonly cert: string; readonly key: string } | undefined
}

/** Reads and checks what the settings name. Throws TLS_FILES_INVALID. */
export function readTlsFiles(settings: ConnectionSettings, now: Date): TlsFiles {
  const { ca, clientCertificate, clientKey } = settings
  return {
    ca: ca === undefined ? undefined : readAuthorities(ca, now),
    client:
      clientCertificate === undefined || clientKey === undefined
        ? undefined
        : readPair(clientCertificate, clientKey, now),
  }
}

function readAuthorities(path: string, now: Date): string {
  const text = readText(path, 'the CA file')
  const authorities = certificatesOf(text, path, 'the CA file')
  if (authorities.every(({ validToDate }) => validToDate < now)) {
    throw invalid(
      `the CA file ${path} has only certificates that have expired`,
      "get the authority's new one",
    )
  }
  return text
}

function readPair(certificatePath: string, keyPath: string, now: Date): NonNullable<TlsFiles['client']> {
  const cert = readText(certificatePath, 'the client certificate')
  const [certificate] = certificatesOf(cert, certificatePath, 'the client certificate')
  const key = readText(keyPath, "the client certificate's key")
  const privateKey = privateKeyOf(key, keyPath)
  if (certificate === undefined) throw new RangeError('no certificate among those that were found')
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid(
      `the key ${keyPath} does not fit the client certificate ${certificatePath}`,
      "name the key that the certificate was requested with; in a chain the client's own certificate comes first",
    )
  }
  const { validFromDate, validToDate } = certificate
  if (validToDate < now) {
    throw invalid(
      `the client certificate ${certificatePath} expired on ${validToDate.toISOString()}`,
      "have it renewed; check this machine's clock, too",
    )
  }
  if (validFromDate > now) {
    throw invalid(
      `the client certificate ${certificatePath} is not valid before ${validFromDate.toISOString()}`,
      "check this machine's clock",
    )
  }
  return { cert, key }
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw invalid(`${what} ${path} is not there`, 'put it there, or name another file', cause)
    }
    const why = code === 'EACCES' ? 'this user may not read it' : message
    throw invalid(
      `${what} ${path} cannot be read: ${why}`,
      'let the user that runs vend-client read it',
      cause,
    )
  }
}

const certificateBlock =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

function certificatesOf(text: string, path: string, what: string): X509Certificate[] {
  const blocks = text.match(certificateBlock)
  if (blocks === null) {
    const found = text.includes('PRIVATE KEY-----') ? 'has a key and no certificate' : 'is not PEM'
    throw invalid(`${what} ${path} ${found}`, pemHint(text, 'openssl x509'))
  }
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (cause) {
    throw invalid(`${what} ${path} has a damaged certificate`, 'copy the whole file again', cause)
  }
}

function privateKeyOf(text: string, path: string): KeyObject {
  if (!text.includes('PRIVATE KEY-----')) {
    const found = text.includes('CERTIFICATE-----') ? 'has a certificate and no key' : 'is not PEM'
    throw invalid(`the client certificate's key ${path} ${found}`, pemHint(text, 'openssl pkey'))
  }
  try {
    return createPrivateKey(text)
  } catch (cause) {
    const isEncrypted = text.includes('ENCRYPTED')
    throw invalid(
      `the client certificate's key ${path} ${isEncrypted ? 'is encrypted' : 'is damaged'}`,
      isEncrypted
        ? 'nobody is there to type its passphrase: keep it decrypted, readable by root only (openssl pkey -in FILE)'
        : 'copy the whole file again',
      cause,
    )
  }
}

/** DER begins with a SEQUENCE. */
function pemHint(text: string, converter: string): string {
  return text.startsWith('\x30')
    ? `it looks like DER: convert it with "${converter} -inform DER -in FILE"`
    : 'a PEM file has a line that begins with -----BEGIN'
}

function invalid(message: string, hint: string, cause?: unknown): MachineError {
  return new MachineError('TLS_FILES_INVALID', message, { hint, cause })
}
