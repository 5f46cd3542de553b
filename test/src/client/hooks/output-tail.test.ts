import { expect, test } from 'vitest'
import { OutputTail } from '../../../../src/client/hooks/output-tail.ts'

test('keeps the end, whatever the pieces', () => {
  const tail = new OutputTail(1000)
  for (let i = 0; i < 10_000; i++) tail.add(Buffer.from(`line ${i}\n`))
  expect(tail.text(3)).toBe('line 9997\nline 9998\nline 9999')
  expect(tail.text(100_000).length).toBeLessThanOrEqual(1000)
})

test('shows nothing that a terminal would obey', () => {
  const tail = new OutputTail(1000)
  tail.add(Buffer.from('a\u001b[2Jb\u0007\rc\r\n\td\u009b31m\n\n'))
  expect(tail.text(10)).toBe('a\uFFFD[2Jb\uFFFD\uFFFDc\n\td\uFFFD31m')
})
