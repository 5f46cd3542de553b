import { spawnSync } from 'node:child_process'

/**
 * Compares trees with programs that share nothing with ours: rsync, find, getfattr and getcap. Needs no root, but
 * only root sees (and may read) everything.
 */

export interface JudgeOptions {
  /** Compare owners too; by default, as root. */
  readonly owners?: boolean
}

/** Larger files are compared by size and time only: they are terabytes of holes. */
const checksumLimit = '+1G'
const maxShown = 40

/** Throws an error that lists the differences between two trees, if there are any. */
export function expectSameTree(a: string, b: string, options: JudgeOptions = {}): void {
  const differences = differencesBetween(a, b, options)
  if (differences.length === 0) return
  const shown = differences.slice(0, maxShown)
  const more = differences.length > maxShown ? [`… and ${differences.length - maxShown} more`] : []
  throw new Error([`${b} differs from ${a}:`, ...shown, ...more].join('\n'))
}

/** Readable lines, each beginning with the program that found it; empty when the trees are the same. */
export function differencesBetween(a: string, b: string, options: JudgeOptions = {}): string[] {
  const owners = options.owners ?? process.geteuid?.() === 0
  return [
    ...rsyncDifferences(a, b, owners),
    ...compareRecords('find', describe(a, owners), describe(b, owners)),
    ...compareRecords('getfattr', attributes(a), attributes(b)),
    ...compareRecords('getcap', capabilities(a), capabilities(b)),
  ]
}

/** Which of the programs are not installed. */
export function missingJudges(): string[] {
  return ['rsync', 'find', 'getfattr', 'getcap'].filter(
    (program) => spawnSync(program, ['--version']).error !== undefined,
  )
}

function rsyncDifferences(a: string, b: string, owners: boolean): string[] {
  const flags = owners ? '-aHAXni' : '-rlptDHAXni'
  const common = [flags, '--modify-window=-1', '--delete', `${a}/`, `${b}/`]
  const runs = [
    common,
    ['--checksum', ...hugeFiles(a).map((path) => `--exclude=/${escapePattern(path)}`), ...common],
  ]
  return runs.flatMap((args) => lines(run('rsync', args, a)).map((line) => `rsync: ${line}`))
}

function hugeFiles(root: string): string[] {
  const found = run('find', ['.', '-type', 'f', '-size', checksumLimit, '-printf', '%P\\0'], root)
  return found.split('\0').filter((path) => path !== '')
}

function escapePattern(path: string): string {
  return path.replaceAll(/[*?[\\]/g, '\\$&')
}

type Records = ReadonlyMap<string, string>

function describe(root: string, owners: boolean): Records {
  const format = '%P\\0%y\\0%m\\0%U:%G\\0%s\\0%T@\\0%l\\0%n\\0%b\\0%i\\0'
  const fields = run('find', ['.', '-printf', format], root).split('\0')
  const firstOfInode = new Map<string, string>()
  const records = new Map<string, string>()
  for (const [path, type, mode, owner, size, mtime, target, links, blocks, inode] of inTens(fields).sort(
    byPath,
  )) {
    const isDirectory = type === 'd'
    const first = firstOfInode.get(inode) ?? path
    firstOfInode.set(inode, first)
    const holes = type === 'f' && Number(blocks) * 512 < Number(size) ? 'sparse' : 'full'
    const facts = isDirectory
      ? [type, mode, mtime]
      : [type, mode, mtime, size, target, `${links} links`, `same as ${first}`, holes]
    records.set(path, [...facts, owners ? owner : ''].join(' '))
  }
  return records
}

type Ten = [string, string, string, string, string, string, string, string, string, string]

function inTens(fields: readonly string[]): Ten[] {
  const rows: Ten[] = []
  for (let i = 0; i + 10 <= fields.length; i += 10) rows.push(fields.slice(i, i + 10) as Ten)
  return rows
}

function byPath(a: Ten, b: Ten): number {
  return a[0] < b[0] ? -1 : 1
}

function attributes(root: string): Records {
  const dump = run('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--', '.'], root)
  const blocks = dump.split('\n\n').filter((block) => block.trim() !== '')
  return new Map(
    blocks.map((block) => {
      const [file = '', ...values] = lines(block)
      return [file, values.sort().join(' ')]
    }),
  )
}

function capabilities(root: string): Records {
  return new Map(lines(run('getcap', ['-r', '.'], root)).map((line) => [line, 'listed']))
}

function compareRecords(program: string, a: Records, b: Records): string[] {
  const differences: string[] = []
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [before, after] = [a.get(key) ?? 'nothing', b.get(key) ?? 'nothing']
    if (before !== after) differences.push(`${program}: ${JSON.stringify(key)}: ${before} | ${after}`)
  }
  return differences
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Standard output, one character a byte. */
function run(program: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(program, args, { cwd, encoding: 'latin1', maxBuffer: 1 << 30 })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) throw new Error(`${program} exited with ${result.status}: ${result.stderr}`)
  return result.stdout
}
