import { MachineError } from './errors.ts'

/**
 * Why there is no connection that requests can be made on, where trying again is useless: certificates, and what a proxy
 * answers. Undefined for everything else. `proxy`: what the request went through.
 */
export function connectionProblem(
  error: unknown,
  url: URL,
  proxy: string | undefined,
): MachineError | undefined {
  const chain = causesOf(error)
  const by = proxy === undefined ? '' : ` (through the proxy ${proxy})`
  for (const each of chain) {
    const found =
      serverProblem(each, url, by) ?? clientProblem(each, url, by) ?? proxyProblem(each, url, proxy)
    if (found !== undefined) return found
  }
  return undefined
}

function causesOf(error: unknown): NodeJS.ErrnoException[] {
  const causes: NodeJS.ErrnoException[] = []
  for (let each = error; each instanceof Error && causes.length < 5; each = each.cause) causes.push(each)
  return causes
}

/** OpenSSL's words for a chain that ends nowhere (X509_V_ERR_…), as Node.js spells them. */
const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])

function serverProblem(
  { code, message }: NodeJS.ErrnoException,
  { origin, hostname }: URL,
  by: string,
): MachineError | undefined {
  const invalid = (what: string, hint: string): MachineError =>
    new MachineError('SERVER_CERTIFICATE_INVALID', `${origin}${by}: ${what}`, { hint })
  if (code === 'CERT_HAS_EXPIRED') {
    return invalid(
      'its certificate, or one above it, has expired',
      "whoever runs the server must renew it; check this machine's clock, too",
    )
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return invalid('its certificate is not valid yet', "check this machine's clock")
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return invalid(
      `its certificate is for another host than ${hostname} (${message})`,
      'use a name that the certificate has; a login page or a proxy may be answering',
    )
  }
  if (code === undefined || !untrusted.has(code)) return undefined
  return invalid(
    `its certificate is signed by nobody this machine trusts (${message})`,
    'give the certificate of its authority: "vend-client connection set --ca FILE"; a proxy may be reading along',
  )
}

/** Alerts with which a server ends the handshake because of the client's certificate (RFC 8446 §6.2). */
const clientAlert =
  /ALERT_(?:CERTIFICATE_(?:REQUIRED|EXPIRED|REVOKED|UNKNOWN)|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)$/

function clientProblem(
  { code = '', message }: NodeJS.ErrnoException,
  { origin }: URL,
  by: string,
): MachineError | undefined {
  const [alert] = clientAlert.exec(code) ?? []
  if (alert !== undefined) {
    const words = alert.slice('ALERT_'.length).toLowerCase().replaceAll('_', ' ')
    return new MachineError(
      'CLIENT_CERTIFICATE_REFUSED',
      `${origin}${by} wants another client certificate, or one at all (${words})`,
      {
        hint: '"vend-client connection set --client-certificate FILE --client-key FILE" with a pair that it accepts',
      },
    )
  }
  if (!/^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL)$/.test(code))
    return undefined
  return new MachineError(
    'SERVER_REFUSED',
    `${origin}${by} does not speak TLS as this machine does: ${message}`,
    {
      hint: 'check the port of the URL, and whether it is http:// there',
    },
  )
}

/** What undici says when a proxy does not open a tunnel, or wants credentials for what it is to forward. */
const proxyStatus = /^Proxy response \((\d+)\) !== 200|^Proxy Authentication Required \((407)\)/

function proxyProblem(
  { message }: Error,
  { origin }: URL,
  proxy: string | undefined,
): MachineError | undefined {
  const [, ofTunnel, ofForwarded] = proxyStatus.exec(message) ?? []
  const status = Number(ofTunnel ?? ofForwarded)
  // From 500 on it is the server's fault, or passes.
  if (proxy === undefined || !(status >= 300 && status < 500)) return undefined
  return new MachineError('PROXY_REFUSED', `the proxy ${proxy} refuses ${origin} with status ${status}`, {
    hint:
      status === 407 || status === 401
        ? 'it wants a user and a password, or others: "vend-client connection set --proxy http://USER:PASSWORD@HOST:PORT"'
        : 'have it permit that host and port, or go round it: --proxy none, or NO_PROXY in the environment',
  })
}
