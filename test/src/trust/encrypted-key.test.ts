import { beforeAll, expect, test } from 'vitest'
import { EncryptedKey, encryptKey } from '../../../src/trust/encrypted-key.ts'
import { SigningKey } from '../../../src/trust/signing-key.ts'

const key = SigningKey.generate()
const passphrase = 'ein Paß für zwölf'
let text: string

beforeAll(async () => {
  text = await encryptKey(key, passphrase)
})

function opened(file: string, words: string): EncryptedKey {
  return new EncryptedKey(file, 'root.key.json', async () => Promise.resolve(words))
}

test('signs as the key that it holds, and is asked for its passphrase once', async () => {
  let asked = 0
  const encrypted = new EncryptedKey(text, 'root.key.json', async () => {
    asked++
    return Promise.resolve(passphrase)
  })
  expect(encrypted.key.keyID).toBe(key.key.keyID)
  expect(asked).toBe(0)
  const data = Buffer.from('data')
  const signatures = [await encrypted.sign(data), await encrypted.sign(data), await key.sign(data)]
  expect(new Set(signatures.map(({ sig }) => sig)).size).toBe(1)
  expect(asked).toBe(1)
})

test('a passphrase is the same in every normal form of Unicode', async () => {
  await expect(opened(text, passphrase.normalize('NFD')).open()).resolves.toBeInstanceOf(SigningKey)
})

test('another passphrase is refused, with the file named', async () => {
  await expect(opened(text, 'another').prepare()).rejects.toMatchObject({
    code: 'KEY_PASSPHRASE_WRONG',
    message: expect.stringContaining('root.key.json') as string,
  })
})

test('two files of one key and passphrase have nothing in common', async () => {
  const [one, other] = [text, await encryptKey(key, passphrase)].map(
    (file) => JSON.parse(file) as { sealed: string; kdf: { salt: string }; cipher: { nonce: string } },
  )
  expect(one?.sealed).not.toBe(other?.sealed)
  expect(one?.kdf.salt).not.toBe(other?.kdf.salt)
  expect(one?.cipher.nonce).not.toBe(other?.cipher.nonce)
})

test('the file says nothing of the private half', () => {
  expect(text).not.toContain(key.toDer().subarray(-32).toString('hex'))
})

test.each([
  ['its public half', { public: 'ab'.repeat(32) }],
  ['its sealed bytes', { sealed: '00'.repeat(64) }],
])('a file with %s changed does not open', async (_what, change) => {
  const changed = JSON.stringify({ ...(JSON.parse(text) as object), ...change })
  await expect(opened(changed, passphrase).open()).rejects.toMatchObject({ code: 'KEY_PASSPHRASE_WRONG' })
})

const kdf = (change: object): object => {
  const found = JSON.parse(text) as { kdf: object }
  return { ...found, kdf: { ...found.kdf, ...change } }
}

test.each([
  ['nothing', () => ''],
  ['a list', () => '[]'],
  ['null', () => 'null'],
  ['another format', () => JSON.stringify({ ...(JSON.parse(text) as object), format: 'vend.key/2' })],
  ['a cheaper derivation', () => JSON.stringify(kdf({ log2N: 16 }))],
  ['one that needs all memory', () => JSON.stringify(kdf({ log2N: 30 }))],
  ['another block size', () => JSON.stringify(kdf({ r: 1 }))],
  ['no salt', () => JSON.stringify(kdf({ salt: '' }))],
])('a file with %s is refused before any passphrase is asked for', (_what, make) => {
  expect(() => opened(make(), passphrase)).toThrow(expect.objectContaining({ code: 'KEY_UNREADABLE' }))
})
