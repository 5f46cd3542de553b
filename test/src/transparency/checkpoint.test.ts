import { generateKeyPairSync, sign } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointText, isSignedByLog, parseCheckpoint } from '../../../src/transparency/checkpoint.ts'
import { LogEdge } from '../../../src/transparency/log-edge.ts'
import { isSameHead, readLogHead, refuseOtherHistory } from '../../../src/transparency/log-head.ts'
import {
  noteKeyId,
  parseNote,
  signersOf,
  signNote,
  type NoteSigner,
} from '../../../src/transparency/signed-note.ts'
import { entriesUpTo } from './naive-tree.ts'

/** The key and the note that Go's package golang.org/x/mod/sumdb/note is documented with. */
const neumann = {
  name: 'PeterNeumann',
  publicKey: Buffer.from('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'base64').subarray(1),
}
const neumannNote =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'

const origin = 'test.example/log'

function newSigner(name = origin): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { name, publicKey: raw, sign: async (text) => sign(null, text, privateKey) }
}

test('the known note is signed by the known key', () => {
  const note = parseNote(Buffer.from(neumannNote))
  expect(noteKeyId(neumann).toString('hex')).toBe('c74f20a3')
  expect(signersOf(note ?? never(), [neumann])).toEqual([neumann])
  const forged = parseNote(Buffer.from(neumannNote.replace('cryptography', 'Cryptography')))
  expect(signersOf(forged ?? never(), [neumann])).toEqual([])
})

test('a checkpoint says what it was made of, and who signed it', async () => {
  const edge = LogEdge.empty()
  for (const entry of entriesUpTo(7)) edge.append(entry)
  const head = edge.head(origin)
  const [first, second, stranger] = [newSigner(), newSigner(), newSigner()]
  const checkpoint = parseCheckpoint(await signNote(checkpointText(head), [first, second])) ?? never()
  expect(isSameHead(checkpoint.head, head)).toBe(true)
  for (const { publicKey } of [first, second]) expect(isSignedByLog(checkpoint, [publicKey])).toBe(true)
  expect(isSignedByLog(checkpoint, [stranger.publicKey])).toBe(false)
  // Witnesses add their own signatures, under names and keys that nobody here knows.
  const witnessed = await signNote(checkpointText(head), [newSigner('witness.example'), first])
  expect(isSignedByLog(parseCheckpoint(witnessed) ?? never(), [first.publicKey])).toBe(true)
  const underOtherName = await signNote(checkpointText(head), [{ ...first, name: 'another.example/log' }])
  expect(isSignedByLog(parseCheckpoint(underOtherName) ?? never(), [first.publicKey])).toBe(false)
})

test('any changed byte is no checkpoint of that key, or no checkpoint', async () => {
  const signer = newSigner()
  const bytes = await signNote(checkpointText(LogEdge.empty().head(origin)), [signer])
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ change
      const checkpoint = parseCheckpoint(changed)
      expect(checkpoint !== undefined && isSignedByLog(checkpoint, [signer.publicKey])).toBe(false)
    }),
  )
})

test.each([
  ['without a signature', `${origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n`],
  ['with a size that is no number', neumannNote],
  ['with a leading zero', `${origin}\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAAA\n`],
  ['with half a hash', `${origin}\n0\n47DEQpj8HBSa+/TImW+5JA==\n\n— a AAAAAAAA\n`],
  [
    'with a control character',
    `${origin}\r\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAAA\n`,
  ],
])('what is %s is no checkpoint', (_, text) => {
  expect(parseCheckpoint(Buffer.from(text))).toBeUndefined()
})

test('extension lines are read over', () => {
  const text = `${origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nextra\n\n— a AAAAAAAA\n`
  expect(parseCheckpoint(Buffer.from(text))?.head.size).toBe(0)
})

test('a log keeps its name, its entries and its root', () => {
  const edge = LogEdge.empty()
  const heads = entriesUpTo(5).map((entry) => {
    edge.append(entry)
    return edge.head(origin)
  })
  const [three, five] = [heads[2] ?? never(), heads[4] ?? never()]
  expect(() => refuseOtherHistory(three, five)).not.toThrow()
  expect(() => refuseOtherHistory(three, three)).not.toThrow()
  expect(() => refuseOtherHistory(five, three)).toThrow('has shrunk from 5 entries to 3')
  expect(() => refuseOtherHistory(three, { ...five, size: 3 })).toThrow('two roots at 3')
  expect(() => refuseOtherHistory(three, { ...five, origin: 'b' })).toThrow('another one')
  expect(() => refuseOtherHistory(three, undefined)).toThrow('gone')
})

test('a head in a snapshot is read as it is or refused', () => {
  const head = LogEdge.empty().head(origin)
  expect(readLogHead({ ...head })).toEqual(head)
  expect(readLogHead(undefined)).toBeUndefined()
  for (const bad of [
    null,
    { ...head, size: -1 },
    { ...head, root: 'x' },
    { ...head, origin: 'a b' },
    { ...head, more: 1 },
  ]) {
    expect(() => readLogHead(bad)).toThrow("the log's head in the snapshot is none")
  }
})

function never(): never {
  throw new Error('it is there')
}
