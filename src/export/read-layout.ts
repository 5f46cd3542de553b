import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ExportError } from './errors.ts'
import { indexSchema, type Index } from './oci-documents.ts'

/** The index of the layout at `place`; undefined when there is nothing, or an empty directory. */
export async function readLayout(place: string): Promise<Index | undefined> {
  const names = await namesIn(place)
  if (names.length === 0) return undefined
  if (!names.includes('oci-layout')) throw inTheWay(place, 'holds something else than an image layout')
  try {
    await access(join(place, 'blobs'))
    return indexSchema.parse(JSON.parse(await readFile(join(place, 'index.json'), 'utf8')))
  } catch (error) {
    throw new ExportError(
      'LAYOUT_DAMAGED',
      `the image layout ${place} cannot be added to: ${String(error instanceof Error ? error.message : error)}`,
      'move it away, or name another directory with --out',
      error,
    )
  }
}

async function namesIn(place: string): Promise<readonly string[]> {
  try {
    return await readdir(place)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code === 'ENOTDIR') throw inTheWay(place, 'is a file')
    throw error
  }
}

export function inTheWay(place: string, problem: string): ExportError {
  return new ExportError(
    'EXPORT_EXISTS',
    `${place} ${problem}`,
    'move it away, or name another place with --out',
  )
}
