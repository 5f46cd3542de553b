import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore, StoreUrlError } from '../../storage/open-store.ts'

const keys = { AWS_ACCESS_KEY_ID: 'identity', AWS_SECRET_ACCESS_KEY: 'very-secret' }

test.each([
  ['memory:', 'memory:'],
  ['file:./repository', `file:${join(process.cwd(), 'repository')}`],
  ['file:repository', `file:${join(process.cwd(), 'repository')}`],
  ['file:../a%20b', `file:${join(process.cwd(), '../a b')}`],
  ['file:/srv/vend', 'file:/srv/vend'],
  ['file:///srv/vend', 'file:/srv/vend'],
  ['s3://bucket', 's3://bucket'],
  ['s3://bucket/', 's3://bucket'],
  ['s3://bucket/a/b/?region=eu-west-1', 's3://bucket/a/b'],
  ['s3://b/p?endpoint=http://127.0.0.1:9000&etagQuotes=false', 's3://b/p?endpoint=http://127.0.0.1:9000'],
])('%s opens', async (url, name) => {
  await using store = openStore(url, { env: keys })
  expect(store.name).toBe(name)
})

test.each([
  ['', /empty/],
  ['./repository', /write file:\.\/repository/],
  ['/srv/vend', /write file:\/srv\/vend/],
  ['repository', /write file:\.\/repository/],
  ['https://example.org', /not a kind of store/],
  ['memory:x', /not a kind of store/],
  ['file:', /no directory/],
  ['file://host/path', /not a file: URL/],
  ['file:./a?b', /has no \? or #/],
  ['file:%zz', /not a file: URL/],
  ['s3:bucket', /no bucket/],
  ['s3://', /no bucket|not a URL/],
  ['s3://bucket:80', /no bucket/],
  ['s3://bucket?enpoint=http://x', /unknown parameter "enpoint"; there are endpoint, region/],
  ['s3://bucket?region=a&region=b', /region is given twice/],
  ['s3://bucket?endpoint=localhost:9000', /not of the form/],
  ['s3://bucket?endpoint=http://user:word@localhost', /not of the form/],
  ['s3://bucket?etagQuotes=maybe', /true or false/],
  ['s3://bucket/a%20b', /the prefix is/],
  ['s3://identity:very-secret@bucket', /credentials do not belong/],
])('%s is refused', (url, message) => {
  const open = () => openStore(url, { env: {} })
  expect(open).toThrow(StoreUrlError)
  expect(open).toThrow(message)
  expect(open).not.toThrow(/very-secret|word/)
})

test('endpoint and region come from the environment when the URL has none', () => {
  const env = { ...keys, AWS_ENDPOINT_URL: 'http://a:1', AWS_ENDPOINT_URL_S3: 'http://b:2' }
  expect(openStore('s3://bucket', { env }).name).toBe('s3://bucket?endpoint=http://b:2')
  expect(openStore('s3://bucket?endpoint=http://c:3', { env }).name).toBe('s3://bucket?endpoint=http://c:3')
})

test('half of the credentials is refused', () => {
  expect(() => openStore('s3://bucket', { env: { AWS_ACCESS_KEY_ID: 'identity' } })).toThrow(/set together/)
})
