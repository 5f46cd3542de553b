import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contender, WantedContent, Work } from './delta-contender.ts'
import { makeArchive, unpackArchive } from './delta-layer.ts'
import { directoryBytes } from './pairs-compare.ts'

/** A program that makes one file from another: shell commands over $basis, $target, $patch, $output and $window. */
interface Program {
  readonly name: string
  readonly remark: string
  readonly make: string
  readonly apply: string
}

/** The shell's word for it. */
const nothing = ':'

interface Place {
  /** Lines of basis, target, patch, output and window, with tabs between. */
  readonly list: string
  readonly sent: string
  readonly archive: string
  readonly outputs: string
  readonly unpacked: string
}

/**
 * One patch a content that has a basis, by a process each, and the others in one `tar | zstd -19`. All of it is one
 * measured command, with the shell's loop.
 */
function program({ name, remark, make, apply }: Program): Contender {
  return {
    name,
    remark,
    make: async (work) => {
      const place = placeOf(work)
      for (const directory of [place.sent, place.outputs, place.unpacked]) await mkdir(directory)
      await writeFile(place.list, listOf(work, place))
      const newPaths = newContents(work).map(({ path }) => `${path}\0`)
      await writeFile(`${place.archive}.list`, newPaths.join(''))
      const then = newPaths.length === 0 ? nothing : makeArchive
      return work.measure(loop(place, make, then, place.archive, work.b))
    },
    bytes: (work) => directoryBytes(placeOf(work).sent),
    apply: (work) => {
      const place = placeOf(work)
      const then = newContents(work).length === 0 ? nothing : unpackArchive
      return work.measure(loop(place, apply, then, place.archive, place.unpacked))
    },
    check: async (work) => {
      const place = placeOf(work)
      for (const [index, content] of patchedContents(work).entries())
        await checkContent(content, join(place.outputs, String(index)))
      for (const content of newContents(work)) await checkContent(content, join(place.unpacked, content.path))
    },
  }
}

function placeOf({ directory }: Work): Place {
  return {
    list: join(directory, 'list'),
    sent: join(directory, 'sent'),
    archive: join(directory, 'sent', 'new.tar.zst'),
    outputs: join(directory, 'outputs'),
    unpacked: join(directory, 'unpacked'),
  }
}

/** `each` is run for every line of the list, `then` at the end with the parameters from $1 on. */
function loop(place: Place, each: string, then: string, ...parameters: readonly string[]) {
  const script = `
    set -euo pipefail
    while IFS=$'\\t' read -r basis target patch output window; do ${each}; done <"$1"
    shift
    ${then}`
  return { argv: ['bash', '-c', script, 'bash', place.list, ...parameters] } as const
}

function listOf(work: Work, place: Place): string {
  const bytesInA = new Map(work.comparison.a.map(({ path, bytes }) => [path, bytes]))
  const lines = patchedContents(work).map(({ path, basis }, index) =>
    [
      join(work.a, basis),
      join(work.b, path),
      join(place.sent, String(index)),
      join(place.outputs, String(index)),
      windowOver(bytesInA.get(basis) ?? 0),
    ].join('\t'),
  )
  const broken = lines.find((line) => line.includes('\n') || line.split('\t').length !== 5)
  if (broken !== undefined)
    throw new Error(`${JSON.stringify(broken)}: a path with a tab or a line feed in it`)
  return lines.map((line) => `${line}\n`).join('')
}

/** The power of two that holds a file, and not less than xdelta3 takes. */
function windowOver(bytes: number): number {
  return Math.max(2 ** Math.ceil(Math.log2(bytes)), 512 * 1024)
}

function patchedContents({ wanted }: Work): readonly (WantedContent & { readonly basis: string })[] {
  return wanted.flatMap(({ basis, ...content }) => (basis === undefined ? [] : [{ ...content, basis }]))
}

function newContents({ wanted }: Work): readonly WantedContent[] {
  return wanted.filter(({ basis }) => basis === undefined)
}

async function checkContent({ path, digest }: WantedContent, output: string): Promise<void> {
  const actual = createHash('sha256')
    .update(await readFile(output))
    .digest('hex')
  if (actual !== digest) throw new Error(`${output} is not what ${path} should be`)
}

/**
 * Without -D and -R it unpacks files that look compressed, and packs them differently. It looks no further back than
 * its source window, and clears a table of that size however small the file is.
 */
const xdeltaOptions = '-D -R -B "$window"'

export const programs: readonly Contender[] = [
  program({
    name: 'bsdiff',
    remark: 'bsdiff 4 as it comes: suffix sorting, bzip2',
    make: 'bsdiff "$basis" "$target" "$patch"',
    apply: 'bspatch "$basis" "$output" "$patch"',
  }),
  program({
    name: 'xdelta3 -9',
    remark:
      'with a source window of the size of the file (-B), files taken as they are (-D -R), and its own LZMA',
    make: `xdelta3 -e -9 ${xdeltaOptions} -f -s "$basis" "$target" "$patch"`,
    apply: `xdelta3 -d ${xdeltaOptions} -f -s "$basis" "$patch" "$output"`,
  }),
  program({
    name: 'zstd -3 --patch-from',
    remark: 'the window grows with the file by itself',
    make: 'zstd -q -f -3 --patch-from="$basis" "$target" -o "$patch"',
    apply: 'zstd -q -f -d --patch-from="$basis" "$patch" -o "$output"',
  }),
  program({
    name: 'zstd -19 --patch-from',
    remark: 'the same at the highest level that needs no --ultra',
    make: 'zstd -q -f -19 --patch-from="$basis" "$target" -o "$patch"',
    apply: 'zstd -q -f -d --patch-from="$basis" "$patch" -o "$output"',
  }),
]
