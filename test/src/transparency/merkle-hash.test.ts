import { expect, test } from 'vitest'
import { emptyRoot, leafHash, nodeHash } from '../../../src/transparency/merkle-hash.ts'
import { TreeEdge } from '../../../src/transparency/tree-edge.ts'
import { naiveRoot } from './naive-tree.ts'

/** The leaves that implementations of Certificate Transparency test with, and the roots of their first 1, 2, 3 … */
const leaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('the empty tree and the empty leaf have the known hashes', () => {
  expect(emptyRoot().toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(leafHash(Buffer.alloc(0)).toString('hex')).toBe(roots[0])
})

test('a leaf is not taken for a node of the same bytes', () => {
  const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))]
  expect(nodeHash(a, b)).not.toEqual(leafHash(Buffer.concat([a, b])))
})

test('the first leaves of the known trees have the known roots', () => {
  const entries = leaves.map((hex) => Buffer.from(hex, 'hex'))
  const edge = TreeEdge.empty()
  expect(edge.root()).toEqual(emptyRoot())
  for (const [i, entry] of entries.entries()) {
    edge.push(leafHash(entry))
    expect(edge.root().toString('hex')).toBe(roots[i])
    expect(naiveRoot(entries.slice(0, i + 1)).toString('hex')).toBe(roots[i])
  }
})
