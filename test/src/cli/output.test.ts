import { expect, test } from 'vitest'
import { describeError } from '../../../src/cli/describe-error.ts'
import {
  formatBytes,
  formatCounted,
  formatDuration,
  formatFraction,
} from '../../../src/cli/format-quantity.ts'
import { writeAnswer, type Answer, type Row } from '../../../src/cli/output.ts'
import { Progress, progressLine } from '../../../src/cli/progress.ts'
import { formatPairs, formatTable } from '../../../src/cli/table.ts'
import { styleFor } from '../../../src/cli/terminal.ts'
import { UsageError } from '../../../src/cli/usage-error.ts'
import { Memo } from './vend-here.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [9_994, '9.99 kB'],
  [9_996, '10.0 kB'],
  [99_960, '100 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [1_270_000_000, '1.27 GB'],
  [4_500_000_000_000_000_000, '4500 PB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [0, '0.00 s'],
  [9_994, '9.99 s'],
  [12_340, '12.3 s'],
  [59_960, '1 min 00 s'],
  [187_000, '3 min 07 s'],
  [3_599_600, '1 h 00 min'],
  [7_500_000, '2 h 05 min'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('counts and fractions', () => {
  expect(formatCounted(1, 'chunk')).toBe('1 chunk')
  expect(formatCounted(27_232, 'chunk')).toBe('27,232 chunks')
  expect(formatFraction(1000)).toBe('10 %')
  expect(formatFraction(25)).toBe('0.25 %')
})

test('a table is as wide as its widest cells, and no line ends in white space', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'LABEL' }] as const
  expect(
    formatTable(columns, [
      ['a', '1 B', ''],
      ['longer', '1.00 kB', 'Grüße'],
    ]),
  ).toBe('NAME       SIZE  LABEL\na           1 B\nlonger  1.00 kB  Grüße\n')
  expect(
    formatPairs([
      ['a', '1'],
      ['bcd', '2'],
    ]),
  ).toBe('  a    1\n  bcd  2\n')
})

async function written(answer: Answer, asJson: boolean): Promise<string> {
  const stream = new Memo()
  await writeAnswer(answer, stream, { asJson, style: styleFor(stream, {}) })
  return stream.text
}

async function* rows(...items: readonly Row[]): AsyncGenerator<Row> {
  yield* items
}

test.each([
  [{}, []],
  [{ release: 10 }, []],
  [{ release: 10, nested: { a: [1] } }, [{ a: 1 }, { a: 2 }]],
  [{}, [{ a: 1 }]],
])('rows are the last member of one JSON document', async (json, items) => {
  const each = rows(...items.map((item) => ({ json: item, text: 'x' })))
  const text = await written({ json, text: () => '', rows: { name: 'rows', each } }, true)
  expect(JSON.parse(text)).toEqual({ ...json, rows: items })
  expect(text.endsWith('\n')).toBe(true)
})

test('people get the head, a line a row, and the tail', async () => {
  const each = rows({ json: 1, text: 'one' }, { json: 2, text: 'two' })
  const answer = { json: {}, text: () => 'head\n', rows: { name: 'rows', each }, tail: () => 'tail\n' }
  expect(await written(answer, false)).toBe('head\none\ntwo\ntail\n')
})

test('colours are for terminals whose user did not refuse them', () => {
  const terminal = new Memo(true)
  expect(styleFor(terminal, {}).red('x')).toBe('\u001B[31mx\u001B[39m')
  expect(styleFor(terminal, { NO_COLOR: '1' }).red('x')).toBe('x')
  expect(styleFor(terminal, { NO_COLOR: '' }).bold('x')).not.toBe('x')
  expect(styleFor(terminal, { TERM: 'dumb' }).red('x')).toBe('x')
  expect(styleFor(new Memo(), {}).red('x')).toBe('x')
})

test('a progress bar is drawn on a terminal, at most ten times a second, and removed', () => {
  let now = 0
  const terminal = new Memo(true)
  const progress = new Progress(terminal, () => now)
  progress.begin('publishing 10')
  for (; now < 2000; now += 20) progress.update({ bytes: now * 500, totalBytes: 1_000_000 })
  expect(terminal.text.split('\r').length - 1).toBe(20)
  expect(terminal.text).toContain('[########--------] 50 %  500 kB of 1.00 MB  500 kB/s  1.00 s left')
  progress.note('a note')
  expect(terminal.text.endsWith('\r\u001B[Ka note\n')).toBe(true)
  const before = terminal.text
  progress.clear()
  expect(terminal.text).toBe(before)
})

test('no progress bar is drawn in a pipe, but notes are written', () => {
  const pipe = new Memo()
  const progress = new Progress(pipe)
  progress.update({ bytes: 1 })
  progress.note('a note')
  expect(pipe.text).toBe('a note\n')
})

test('without a total there is no bar', () => {
  expect(progressLine('publishing', { bytes: 5_000_000, detail: '3 chunks uploaded' }, 1000)).toBe(
    'publishing  5.00 MB  5.00 MB/s  3 chunks uploaded',
  )
})

test('a known error is told with its hint and without its stack', () => {
  const error = new UsageError(['this', 'that'], 'do it right')
  const text = describeError(error, 'vend', { verbose: true })
  expect(text).toBe('vend: 2 things are wrong:\n  this\n  that\n  hint: do it right\n')
})

test('an unknown error is told in a line, and with its stack only if asked for', () => {
  const error = new TypeError('x is not a function')
  expect(describeError(error, 'vend', { verbose: false })).toBe(
    'vend: something unforeseen happened: x is not a function\n  hint: run it again with --verbose for the details\n',
  )
  expect(describeError(error, 'vend', { verbose: true })).toContain('output.test.ts')
})
