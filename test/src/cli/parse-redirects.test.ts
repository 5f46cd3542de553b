import { expect, test } from 'vitest'
import { parseRedirects } from '../../../src/cli/parse-redirects.ts'

test('classes of objects and where they are', () => {
  expect(parseRedirects('packs=presigned, chunks=https://cdn.example/a')).toEqual(
    new Map<string, unknown>([
      ['packs', 'presigned'],
      ['chunks', { base: 'https://cdn.example/a/' }],
    ]),
  )
})

test.each([
  ['packs', /CLASS=presigned or CLASS=URL/],
  ['pack=presigned', /no class pack .*packs/],
  ['timestamp=presigned', /no class timestamp .*there are chunks/],
  ['packs=presigned,packs=https://cdn.example/', /given twice/],
  ['packs=signed', /neither presigned nor a URL/],
  ['packs=ftp://cdn.example/', /neither presigned nor a URL/],
  ['packs=https://user:secret@cdn.example/', /neither presigned nor a URL/],
  ['packs=https://cdn.example/?x', /neither presigned nor a URL/],
])('%s is refused', (text, message) => {
  expect(() => parseRedirects(text)).toThrow(message)
})
