import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { noXattrs, type Mtime } from '../../manifests/entry.ts'
import { encodeTarHeader, endOfTar, paddingAfter } from './tar-header.ts'

/** A finished layout as one tar archive, which is the same for the same layout: by name, root's, of one time. */
export async function archiveLayout(
  directory: string,
  file: string,
  { mtime, signal }: { readonly mtime: Mtime; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const target = createWriteStream(file, { flags: 'wx', flush: true })
  await pipeline(membersOf(directory, mtime, signal), target, { signal })
}

async function* membersOf(
  directory: string,
  mtime: Mtime,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const names = await readdir(directory, { recursive: true })
  for (const name of names.sort()) {
    const path = join(directory, name)
    const info = await stat(path)
    const shared = { uid: 0, gid: 0, mtime, xattrs: noXattrs }
    if (info.isDirectory()) {
      yield encodeTarHeader({ ...shared, type: '5', path: `${name}/`, mode: 0o755, size: 0 })
      continue
    }
    yield encodeTarHeader({ ...shared, type: '0', path: name, mode: 0o644, size: info.size })
    for await (const piece of createReadStream(path, { signal, highWaterMark: 1 << 18 }))
      yield piece as Buffer
    yield paddingAfter(info.size)
  }
  yield endOfTar()
}
