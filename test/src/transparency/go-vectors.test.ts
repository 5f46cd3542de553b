import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSignedByLog, parseCheckpoint } from '../../../src/transparency/checkpoint.ts'
import { consistencyProof, isPrefix } from '../../../src/transparency/consistency-proof.ts'
import { inclusionProof, isIncluded } from '../../../src/transparency/inclusion-proof.ts'
import { LogTree } from '../../../src/transparency/log-tree.ts'
import { leafHash } from '../../../src/transparency/merkle-hash.ts'
import { noteKeyId } from '../../../src/transparency/signed-note.ts'
import { entriesUpTo, MemoryLog } from './naive-tree.ts'

interface Vectors {
  readonly trees: readonly {
    readonly size: number
    readonly root: string
    readonly inclusion: Readonly<Record<string, readonly string[]>>
    readonly consistency: Readonly<Record<string, readonly string[]>>
  }[]
  readonly key: string
  readonly note: string
}

/** Made by Go's golang.org/x/mod/sumdb/tlog and note: test/support/go/read-log.go. */
const path = resolve(import.meta.dirname, '../../vectors/log-by-go.json')
const { trees, key, note } = JSON.parse(readFileSync(path, 'utf8')) as Vectors

const hexes = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('hex'))

describe.each(trees)('the tree of $size leaves', ({ size, root, inclusion, consistency }) => {
  const log = new MemoryLog().append(entriesUpTo(size))
  const tree = new LogTree(size, log.read)
  const head = { size, root: Buffer.from(root, 'hex') }

  test('has the root that Go computes', async () => {
    expect((await tree.hash(0, size)).toString('hex')).toBe(root)
  })

  test('has the proofs that Go makes', async () => {
    expect(Object.keys(inclusion).length).toBeGreaterThan(0)
    for (const [leaf, proof] of Object.entries(inclusion)) {
      expect(hexes(await inclusionProof(tree, Number(leaf)))).toEqual(proof)
      const hashes = proof.map((hash) => Buffer.from(hash, 'hex'))
      const entry = leafHash(Buffer.from(`entry ${leaf}`))
      expect(isIncluded(entry, { leaf: Number(leaf), size }, head.root, hashes)).toBe(true)
    }
    for (const [older, proof] of Object.entries(consistency)) {
      const from = { size: Number(older), root: await tree.hash(0, Number(older)) }
      const hashes = proof.map((hash) => Buffer.from(hash, 'hex'))
      expect(hexes(await consistencyProof(tree, from.size))).toEqual(proof)
      expect(isPrefix(from, head, hashes)).toBe(true)
    }
  })
})

test('a checkpoint that Go signed is signed by that key', () => {
  const [name = '', id = '', text = ''] = key.split('+')
  const publicKey = Buffer.from(text, 'base64').subarray(1)
  expect(noteKeyId({ name, publicKey }).toString('hex')).toBe(id)
  const checkpoint = parseCheckpoint(Buffer.from(note))
  expect(checkpoint?.head.size).toBe(600)
  expect(checkpoint !== undefined && isSignedByLog(checkpoint, [publicKey])).toBe(true)
})
