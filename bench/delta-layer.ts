import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contender, Work } from './delta-contender.ts'
import { emptyDirectory } from './empty-directory.ts'
import { comparePair } from './pairs-compare.ts'

/**
 * Shell: $1 is the archive, beside which lies its list of paths, each ended by a zero byte; $2 is their tree, $3 the level of
 * compression, if not 19.
 */
export const makeArchive =
  'tar --create --directory="$2" --null --no-recursion --files-from="$1.list" | zstd -q -"${3-19}" -o "$1"'

/** Shell: $1 is the archive, $2 the directory to unpack it in. */
export const unpackArchive = 'zstd -q -d -c "$1" | tar --extract --directory="$2"'

/** What a layer of a container image has: every file that changed or is new, whole. */
export const layer = layerOf(19)

/** The same at another level of compression. */
export function layerOf(level: number): Contender {
  return {
    name: `tar.zst -${level}`,
    remark: 'every changed and every new file, whole: a layer of a container image',
    make: async (work) => {
      const { changed, added } = work.comparison
      const paths = [...changed, ...added].map(({ path }) => path).sort()
      await writeFile(`${archive(work)}.list`, paths.map((path) => `${path}\0`).join(''))
      return work.measure(shell(makeArchive, archive(work), work.b, String(level)))
    },
    bytes: async (work) => (await stat(archive(work))).size,
    apply: async (work) => {
      await emptyDirectory(unpacked(work))
      return work.measure(shell(unpackArchive, archive(work), unpacked(work)))
    },
    check: async (work) => {
      const { changed, added } = work.comparison
      const { b } = await comparePair(work.a, unpacked(work))
      const digests = new Map(b.map(({ path, digest }) => [path, digest]))
      const wrong = [...changed, ...added].find(({ path, digest }) => digests.get(path) !== digest)
      if (wrong !== undefined) throw new Error(`${wrong.path} was not unpacked as it should be`)
    },
  }
}

function archive(work: Work): string {
  return join(work.directory, 'layer.tar.zst')
}

function unpacked(work: Work): string {
  return join(work.directory, 'unpacked')
}

function shell(script: string, ...parameters: readonly string[]) {
  return { argv: ['bash', '-c', `set -euo pipefail\n${script}`, 'bash', ...parameters] } as const
}
