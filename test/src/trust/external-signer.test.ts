import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ExternalSigner } from '../../../src/trust/external-signer.ts'
import { SigningKey } from '../../../src/trust/signing-key.ts'

const key = SigningKey.generate()
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-signer-'))
  writeFileSync(join(directory, 'held.pem'), key.toPem())
  onTestFinished(() => rmSync(directory, { recursive: true }))
})

/** A program that ends stdin before it signs, as tokens' tools do; `how` is its last statement. */
function signerOf(how: string, publicHex = String(key.key.keyVal['public'])): ExternalSigner {
  const program = `
    const { readFileSync } = require('node:fs')
    const { sign } = require('node:crypto')
    const data = readFileSync(0)
    const signature = sign(null, data, readFileSync('held.pem')).toString('hex')
    ${how}`
  const description = { command: [process.execPath, '-e', program], public: publicHex }
  return new ExternalSigner(JSON.stringify(description), join(directory, 'root.signer.json'))
}

test('signs as the key that the program holds', async () => {
  const signer = signerOf('console.log(signature.toUpperCase())')
  expect(signer.key.keyID).toBe(key.key.keyID)
  const data = Buffer.alloc(300_000, 'data')
  expect((await signer.sign(data)).toJSON()).toEqual((await key.sign(data)).toJSON())
})

test.each([
  ['fails', 'console.error("no card"); process.exit(3)', /exit code 3: no card/],
  ['says nothing', '', /something else .*than a signature/],
  ['says something else', 'console.log("ok")', /something else .*than a signature/],
  [
    'signs other bytes',
    'console.log(sign(null, Buffer.of(1), readFileSync("held.pem")).toString("hex"))',
    /something/,
  ],
])('a program that %s is named', async (_what, how, message) => {
  await expect(signerOf(how).sign(Buffer.from('data'))).rejects.toMatchObject({
    code: 'SIGNER_FAILED',
    message: expect.stringMatching(message) as string,
  })
})

test('a signature by another key than the file names is refused', async () => {
  const other = String(SigningKey.generate().key.keyVal['public'])
  const signing = signerOf('console.log(signature)', other).sign(Buffer.from('data'))
  await expect(signing).rejects.toMatchObject({ code: 'SIGNER_FAILED' })
})

test('a program that is not there is named', async () => {
  const text = JSON.stringify({ command: ['./no-such-program'], public: 'ab'.repeat(32) })
  const signing = new ExternalSigner(text, join(directory, 'root.signer.json')).sign(Buffer.from('data'))
  await expect(signing).rejects.toThrow(/no-such-program.*cannot be run/)
})

test('a program that reads nothing is judged by what it writes', async () => {
  const text = JSON.stringify({ command: ['true'], public: 'ab'.repeat(32) })
  const signing = new ExternalSigner(text, join(directory, 'x')).sign(Buffer.alloc(1 << 20))
  await expect(signing).rejects.toMatchObject({ code: 'SIGNER_FAILED' })
})

test.each([
  '',
  'null',
  '{}',
  '{"command":[],"public":""}',
  '{"command":"rm","public":"00"}',
  '{"command":["a"]}',
])('%j describes no signer', (text) => {
  expect(() => new ExternalSigner(text, 'x')).toThrow(expect.objectContaining({ code: 'KEY_UNREADABLE' }))
})
