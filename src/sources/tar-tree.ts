import { archiveBytes, type OpenOptions } from './archive-bytes.ts'
import type { OpenedSource } from './opened-source.ts'
import { SourceNotes } from './source-notes.ts'
import { readTar } from './tar-reader.ts'
import { TreeSpool } from './tree-spool.ts'

/** The tree in a tar archive, compressed in any way or not. Throws SourceError, and TreeWriteError without room. */
export async function openTar(path: string, options: OpenOptions = {}): Promise<OpenedSource> {
  const spool = await TreeSpool.create(path)
  try {
    const notes = new SourceNotes()
    const onLost = (member: string, what: string): void => notes.add(member, what)
    for await (const { entry, content } of readTar(archiveBytes(path, options), { source: path, onLost })) {
      // Programs differ in what they make of a member that comes twice.
      await spool.put(entry, content, { ifThere: 'refuse' })
    }
    return {
      tree: spool.finish(),
      contentBytes: spool.contentBytes,
      notes: notes.all(path),
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    }
  } catch (error) {
    await spool[Symbol.asyncDispose]()
    throw error
  }
}
