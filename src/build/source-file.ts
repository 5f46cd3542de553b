import { constants } from 'node:fs'
import { open, realpath, type FileHandle } from 'node:fs/promises'
import { relative } from 'node:path'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import { errnoOf } from '../tree/errors.ts'
import { BuildError } from './errors.ts'

/** A file that a build is given. */
export interface SourceFile {
  readonly name: string
  readonly path: string
  readonly digest: Digest
  readonly isExecutable: boolean
}

/**
 * The regular file that `path` leads to, below `root` in the end: whoever writes PKGBUILDs gets no other file of this
 * system by a symbolic link. Undefined when there is none. Throws BUILD_SOURCE_MISSING for anything but such a file.
 */
export async function findSourceFile(
  path: string,
  name: string,
  root: string,
): Promise<SourceFile | undefined> {
  const found = await realpath(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return undefined
  if (relative(await realpath(root), found).startsWith('..')) {
    throw new BuildError('BUILD_SOURCE_MISSING', `${path} leads out of ${root}, to ${found}`, {
      hint: 'copy the file to where the link is',
    })
  }
  await using file = await openRegular(found, path)
  const digest = await digestInto(file)
  const { mode } = await file.stat()
  return { name, path: found, digest, isExecutable: (mode & constants.S_IXUSR) !== 0 }
}

/** Copies the file; throws BUILD_SOURCE_CHANGED when it is no longer what it was. */
export async function copySourceFile(source: SourceFile, to: string): Promise<void> {
  await using file = await openRegular(source.path, source.path)
  await using copy = await open(to, 'wx', source.isExecutable ? 0o755 : 0o644)
  if ((await digestInto(file, copy)) === source.digest) return
  throw new BuildError('BUILD_SOURCE_CHANGED', `${source.path} changed after the build had begun`, {
    hint: 'run the same command again',
  })
}

async function openRegular(path: string, shown: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new BuildError('BUILD_SOURCE_MISSING', `${shown} is no regular file`, {
    hint: 'makepkg takes files only: put a directory into a tar archive',
  })
}

const blockBytes = 1 << 20

async function digestInto(file: FileHandle, copy?: FileHandle): Promise<Digest> {
  const builder = new DigestBuilder()
  const block = Buffer.allocUnsafe(blockBytes)
  for (;;) {
    const { bytesRead } = await file.read(block)
    if (bytesRead === 0) return builder.finish()
    const bytes = block.subarray(0, bytesRead)
    builder.add(bytes)
    await copy?.writeFile(bytes)
  }
}
