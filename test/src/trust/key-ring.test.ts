import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { roleNames, type RoleName } from '../../../src/trust/role.ts'
import { SigningKey } from '../../../src/trust/signing-key.ts'

let directory: string

beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'vend-keys-'))
  directory = join(parent, 'keys')
  onTestFinished(() => rmSync(parent, { recursive: true }))
})

test('makes each key once, for its owner alone', () => {
  const ring = new KeyRing(directory)
  ring.generateMissing()
  const pems = roleNames.map((role) => readFileSync(join(directory, `${role}.pem`), 'utf8'))
  expect(new Set(pems).size).toBe(roleNames.length)
  rmSync(join(directory, 'releases.pem'))
  new KeyRing(directory).generateMissing()
  const after = roleNames.map((role) => readFileSync(join(directory, `${role}.pem`), 'utf8'))
  expect(after.filter((pem, i) => pem !== pems[i])).toHaveLength(1)
  for (const role of roleNames) expect(statSync(join(directory, `${role}.pem`)).mode & 0o777).toBe(0o600)
})

test('what a killed process left is not taken for a key', () => {
  const ring = new KeyRing(directory)
  ring.generateMissing()
  rmSync(join(directory, 'root.pem'))
  writeFileSync(join(directory, 'root.pem.tmp'), '-----BEGIN')
  ring.generateMissing()
  expect(new KeyRing(directory).signers('root')[0]?.key.keyID).toMatch(/^[0-9a-f]{64}$/)
})

test('a key signs the same after it was stored', async () => {
  const key = SigningKey.generate()
  const again = SigningKey.fromPem(key.toPem(), 'x')
  expect(again.key.keyID).toBe(key.key.keyID)
  const [one, other] = [await again.sign(Buffer.from('data')), await key.sign(Buffer.from('data'))]
  expect(one.toJSON()).toEqual(other.toJSON())
})

test('the id of a key is that of the specification', () => {
  // From a key pair of RFC 8032 §7.1, test 1.
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex')
  const pem = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`
  const { key } = SigningKey.fromPem(pem, 'x')
  expect(key.keyVal['public']).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  // sha256sum of {"keytype":"ed25519","keyval":{"public":"d75a98…511a"},"scheme":"ed25519"}
  expect(key.keyID).toBe('74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916')
})

test('a key that is missing, or none, is named with its place', () => {
  const ring = new KeyRing(directory)
  expect(() => ring.signers('releases')).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }))
  expect(() => ring.signers('releases')).toThrow(join(directory, 'releases.pem'))
  ring.generateMissing()
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  for (const pem of ['', 'nonsense', rsa.toString()]) {
    writeFileSync(join(directory, 'channels.pem'), pem)
    expect(() => new KeyRing(directory).signers('channels')).toThrow(
      expect.objectContaining({ code: 'KEY_UNREADABLE' }),
    )
  }
})

test('a role may have any number of keys, kept in any way', () => {
  const ring = new KeyRing(directory)
  ring.generateMissing({ root: 3 })
  const pem = readFileSync(join(directory, 'snapshot.pem'))
  for (const name of ['snapshot-at-home.pem', 'snapshots.pem', 'snapshot.pem.bak', 'snapshot.txt'])
    writeFileSync(join(directory, name), pem)
  const command = { command: ['true'], public: 'ab'.repeat(32) }
  writeFileSync(join(directory, 'root-token.signer.json'), JSON.stringify(command))
  const names = (role: RoleName): unknown =>
    new KeyRing(directory).keys(role).map(({ path, kind }) => [basename(path), kind])
  expect(names('root')).toEqual([
    ['root-1.pem', 'plain'],
    ['root-2.pem', 'plain'],
    ['root-3.pem', 'plain'],
    ['root-token.signer.json', 'command'],
  ])
  expect(names('snapshot')).toEqual([
    ['snapshot-at-home.pem', 'plain'],
    ['snapshot.pem', 'plain'],
  ])
})

test('keeps the trusted root whole', () => {
  const ring = new KeyRing(directory)
  expect(ring.trustedRoot()).toBeUndefined()
  ring.generateMissing()
  ring.keepTrustedRoot(Buffer.from('one'))
  ring.keepTrustedRoot(Buffer.from('two'))
  expect(ring.trustedRoot()?.toString()).toBe('two')
})
