import { createPublicKey, hash, verify } from 'node:crypto'

/** An Ed25519 key by which notes are signed (C2SP signed-note, signature type 1). */
export interface NoteKey {
  /** Without spaces and plus signs. */
  readonly name: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

/** Signs a note's text; the signature's 64 bytes. */
export interface NoteSigner extends NoteKey {
  readonly sign: (text: Uint8Array) => Promise<Uint8Array>
}

export interface SignedNote {
  /** With its final newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

interface NoteSignature {
  readonly name: string
  /** Four bytes. */
  readonly keyId: Buffer
  readonly signature: Buffer
}

const ed25519Type = 0x01
const keyIdBytes = 4
/** Keeps a hostile note from costing more than it is worth; a reader must take 16. */
const maxSignatures = 64

/** The first four bytes of the SHA-256 of name, newline, type and public key. */
export function noteKeyId({ name, publicKey }: NoteKey): Buffer {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(ed25519Type), publicKey])
  return hash('sha256', named, 'buffer').subarray(0, keyIdBytes)
}

/** `text` ends with a newline. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<Buffer> {
  const bytes = Buffer.from(text)
  const lines: string[] = []
  for (const signer of signers) {
    const signature = Buffer.concat([noteKeyId(signer), await signer.sign(bytes)])
    lines.push(`— ${signer.name} ${signature.toString('base64')}\n`)
  }
  return Buffer.from(`${text}\n${lines.join('')}`)
}

/** Undefined for what is no note. Says nothing about who signed it. */
export function parseNote(bytes: Buffer): SignedNote | undefined {
  const whole = bytes.toString('utf8')
  if (!Buffer.from(whole).equals(bytes) || hasControls(whole) || !whole.endsWith('\n')) return undefined
  const end = whole.lastIndexOf('\n\n')
  if (end === -1) return undefined
  const lines = whole.slice(end + 2, -1).split('\n')
  const signatures = lines.map(parseSignature)
  if (lines.length > maxSignatures || signatures.includes(undefined)) return undefined
  return { text: whole.slice(0, end + 1), signatures: signatures.filter((one) => one !== undefined) }
}

/** Those of `keys` that signed the note; none when one of them signed something else. */
export function signersOf({ text, signatures }: SignedNote, keys: readonly NoteKey[]): NoteKey[] {
  const bytes = Buffer.from(text)
  const signers: NoteKey[] = []
  for (const key of keys) {
    const id = noteKeyId(key)
    const own = signatures.filter(({ name, keyId }) => name === key.name && keyId.equals(id))
    if (own.some(({ signature }) => !isSigned(bytes, key, signature))) return []
    if (own.length > 0) signers.push(key)
  }
  return signers
}

function parseSignature(line: string): NoteSignature | undefined {
  const [, name, text] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? []
  if (name === undefined || text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length <= keyIdBytes || bytes.toString('base64') !== text) return undefined
  return { name, keyId: bytes.subarray(0, keyIdBytes), signature: bytes.subarray(keyIdBytes) }
}

function isSigned(text: Buffer, { publicKey }: NoteKey, signature: Buffer): boolean {
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  return signature.length === 64 && verify(null, text, key, signature)
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 && unit !== 0x0a) return true
  }
  return false
}
