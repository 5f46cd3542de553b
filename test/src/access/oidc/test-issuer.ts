import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'

interface IssuerKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

/** What a signed token differs in from one that is right. */
export interface SignOptions {
  /** One that is undefined is left out. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: IssuerKey
  readonly kid?: string | undefined
  readonly now?: Date
}

/** An issuer of OIDC tokens over HTTP, whose keys can change, and which can be down. */
export class TestIssuer implements AsyncDisposable {
  readonly #server: Server
  readonly keys: IssuerKey[]
  /** What it answers in the place of its keys. */
  fault: 'down' | 'garbage' | 'redirect' | 'endless' | undefined
  /** How often its keys were read. */
  reads = 0

  private constructor(server: Server, keys: IssuerKey[]) {
    this.#server = server
    this.keys = keys
  }

  static async start(): Promise<TestIssuer> {
    const server = createServer()
    const issuer = new TestIssuer(server, [await TestIssuer.makeKey('first')])
    server.on('request', (req, res) => {
      const path = req.url ?? ''
      if (path === '/jwks') issuer.reads++
      if (issuer.fault === 'down') res.writeHead(500).end()
      else if (issuer.fault === 'garbage') res.end('<html>')
      else if (issuer.fault === 'redirect' && path === '/jwks')
        res.writeHead(302, { Location: '/moved' }).end()
      else if (issuer.fault === 'endless') writeForEver(res)
      else if (path === '/jwks' || path === '/moved')
        res.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }))
      else if (path === '/.well-known/openid-configuration') {
        res.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }))
      } else res.writeHead(404).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return issuer
  }

  static async makeKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** A token that is right, but for what `options` say. */
  async sign({ claims = {}, key, kid, now = new Date() }: SignOptions = {}): Promise<string> {
    const signing = key ?? this.keys[0]
    if (signing === undefined) throw new Error('the issuer has no key')
    const seconds = Math.floor(now.getTime() / 1000)
    return new SignJWT({
      iss: this.url,
      aud: 'vend',
      sub: 'repo:acme/os:ref:refs/heads/main',
      repository: 'acme/os',
      iat: seconds,
      nbf: seconds,
      exp: seconds + 300,
      ...claims,
    })
      .setProtectedHeader({ alg: signing.jwk.alg ?? '', kid: kid ?? signing.kid })
      .sign(signing.privateKey)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function writeForEver(res: NodeJS.WritableStream & { readonly destroyed?: boolean }): void {
  const piece = Buffer.alloc(65_536, ' ')
  const write = (): void => {
    if (res.destroyed !== true) res.write(piece, () => setImmediate(write))
  }
  write()
}
