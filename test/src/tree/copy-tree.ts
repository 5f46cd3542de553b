import { closeSync } from 'node:fs'
import type { SourceEntry, SourceFileEntry } from '../../../manifests/entry.ts'
import { ContentReader, ContentWriter } from '../../../src/tree/file-content.ts'
import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import type { TreeWriterOptions } from '../../../src/tree/tree-writer.ts'
import { walkDirectory } from '../../../src/tree/walk-directory.ts'
import type { WalkedFile, WalkOptions } from '../../../src/tree/walk-directory.ts'

/** All entries of a tree, without their contents. */
export function entriesOf(root: string, options: WalkOptions = {}): SourceEntry[] {
  return Array.from(walkDirectory(root, options), ({ entry }) => entry)
}

/** Writes what a walk of `from` finds into `to`; returns what could not be kept. */
export function copyTree(from: string, to: string, options: TreeWriterOptions = {}): TreeWriter['notKept'] {
  using writer = new TreeWriter(to, options)
  const directories: SourceEntry[] = []
  for (const walked of walkDirectory(from)) {
    const { entry } = walked
    if (walked.open !== undefined) copyFile(writer, walked)
    else if (entry.type !== 'file') make(writer, entry)
    if (entry.type === 'directory') directories.push(entry)
    else writer.applyMetadata(entry)
  }
  for (const directory of directories.reverse()) writer.applyMetadata(directory)
  writer.sync()
  return writer.notKept
}

function make(writer: TreeWriter, entry: Exclude<SourceEntry, SourceFileEntry>): void {
  switch (entry.type) {
    case 'directory':
      return writer.makeDirectory(entry.path)
    case 'symlink':
      return writer.makeSymlink(entry.path, entry.target)
    case 'hardlink':
      return writer.makeHardlink(entry.path, entry.target)
    case 'fifo':
      return writer.makeFifo(entry.path)
    case 'character':
    case 'block':
      return writer.makeDevice(entry.path, entry.type, entry.device)
  }
}

function copyFile(writer: TreeWriter, walked: WalkedFile): void {
  const { entry } = walked
  const from = walked.open()
  const to = writer.createFile(entry.path)
  try {
    copyContent(from, to, entry)
    walked.assertUnchanged(from)
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

function copyContent(from: number, to: number, entry: SourceFileEntry): void {
  const [reader, writer] = [new ContentReader(from, entry), new ContentWriter(to, entry)]
  const buffer = Buffer.alloc(64 * 1024)
  for (let done = 0; done < entry.size;) {
    const count = reader.read(buffer, done)
    writer.write(buffer.subarray(0, count), done)
    done += count
  }
}
