import { readFileSync } from 'node:fs'
import type { Digest } from '../../manifests/digest.ts'
import type { Entry, FileEntry } from '../../manifests/entry.ts'
import { byteStringFromBytes, parseTreePath } from '../../manifests/tree-path.ts'

const directory = new URL('../vectors/', import.meta.url)

/** A file of test/vectors: what it is about, and cases of an input and what it must give. */
export interface VectorFile<Input, Expected> {
  readonly comment: string
  readonly cases: readonly VectorCase<Input, Expected>[]
}

export interface VectorCase<Input, Expected> {
  readonly comment: string
  readonly input: Input
  readonly expected: Expected
}

export function readVectors<Input, Expected>(name: string): readonly VectorCase<Input, Expected>[] {
  const file = JSON.parse(readVectorFile(name).toString('utf8')) as VectorFile<Input, Expected>
  return file.cases
}

export function readVectorFile(name: string): Buffer {
  return readFileSync(new URL(name, directory))
}

/** Bytes as the vectors write them. */
export type VectorBytes = { readonly text: string } | { readonly hex: string }

export function bytesOf(bytes: VectorBytes): Buffer {
  return 'text' in bytes ? Buffer.from(bytes.text, 'utf8') : Buffer.from(bytes.hex, 'hex')
}

/** An entry as the vectors describe it: the values themselves, in a spelling that is not the manifest's. */
export interface VectorEntry {
  readonly type: Entry['type']
  readonly path: VectorBytes
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: { readonly seconds: number; readonly nanos: number }
  readonly xattrs?: readonly { readonly name: string; readonly value: VectorBytes }[]
  readonly size?: number
  readonly digest?: Digest
  readonly offset?: number
  readonly sparse?: FileEntry['sparse']
  readonly target?: VectorBytes
  readonly device?: { readonly major: number; readonly minor: number }
}

export function entryOf(vector: VectorEntry): Entry {
  const { path, target, xattrs, ...rest } = vector
  const entry = {
    ...rest,
    path: parseTreePath(byteStringFromBytes(bytesOf(path))),
    ...(target !== undefined && { target: byteStringFromBytes(bytesOf(target)) }),
    ...(vector.type !== 'hardlink' && {
      xattrs: new Map((xattrs ?? []).map(({ name, value }) => [name, bytesOf(value)])),
    }),
  }
  return entry as Entry
}
