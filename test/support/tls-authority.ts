import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** PEM files. */
export interface CertifiedPair {
  readonly certificate: string
  readonly key: string
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A certificate authority of a test's own, as openssl makes one. */
export class TlsAuthority {
  readonly #directory: string
  readonly #name: string

  constructor(directory: string, name: string) {
    this.#directory = directory
    this.#name = name
    const files = ['-keyout', this.#path('key'), '-out', this.certificate]
    openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${name}`, ...files)
  }

  get certificate(): string {
    return this.#path('crt')
  }

  /** `names` as openssl writes them: `IP:127.0.0.1,DNS:localhost`. `days`: -1 has expired. */
  issue(name: string, names: string, days = 2): CertifiedPair {
    const [key, request, certificate, extensions] = ['key', 'csr', 'crt', 'ext'].map((kind) =>
      this.#path(`${name}.${kind}`),
    ) as [string, string, string, string]
    openssl('req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request)
    writeFileSync(extensions, `subjectAltName=${names}\n`)
    const by = ['-CA', this.certificate, '-CAkey', this.#path('key'), '-CAcreateserial']
    const how = ['-days', String(days), '-extfile', extensions]
    openssl('x509', '-req', '-in', request, ...by, ...how, '-out', certificate)
    return { certificate, key }
  }

  #path(end: string): string {
    return join(this.#directory, `${this.#name}.${end}`)
  }
}

/** As node:https takes a pair. */
export function served({ certificate, key }: CertifiedPair): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(certificate), key: readFileSync(key) }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}
