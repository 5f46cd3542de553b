import { mkdir, rm } from 'node:fs/promises'

/** Makes a directory that has nothing in it, whatever was there. */
export async function emptyDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path)
}
