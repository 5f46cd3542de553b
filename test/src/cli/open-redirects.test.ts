import { expect, test } from 'vitest'
import type { CommandContext } from '../../../src/cli/command-context.ts'
import { openRedirects } from '../../../src/cli/open-redirects.ts'
import { loadSettings } from '../../../src/cli/settings.ts'

const s3 = 's3://bucket/vend?endpoint=http://127.0.0.1:9000&region=here'
const keys = { AWS_ACCESS_KEY_ID: 'access', AWS_SECRET_ACCESS_KEY: 'secret' }

async function open(env: Record<string, string>): ReturnType<typeof openRedirects> {
  const settings = await loadSettings({ flags: {}, env })
  return openRedirects({ settings, env } as unknown as CommandContext)
}

test('without the setting nothing is fetched elsewhere', async () => {
  await expect(open({ VEND_STORE: 'memory:' })).resolves.toBeUndefined()
})

test('any store may have a CDN', async () => {
  const env = { VEND_STORE: 'memory:', VEND_REDIRECTS: 'chunks=https://cdn.example/', VEND_BEHIND_TLS: 'yes' }
  await expect(open({ ...env, VEND_REDIRECTS_FROM: '1MiB' })).resolves.toEqual({
    targets: new Map([['chunks', { base: 'https://cdn.example/' }]]),
    fromBytes: 2 ** 20,
  })
})

test('a bucket signs URLs of its objects, under its prefix, with no more credentials in them than have to be', async () => {
  const redirects = await open({ VEND_STORE: s3, VEND_REDIRECTS: 'packs=presigned', ...keys })
  const now = new Date('2026-01-02T03:04:05Z')
  const presigner = redirects?.presigner ?? expect.fail('no presigner')
  const signed = await presigner.presign('packs/a.pack', { seconds: 900, now })
  const { origin, pathname, searchParams } = new URL(signed.url)
  expect([origin, pathname]).toEqual(['http://127.0.0.1:9000', '/bucket/vend/packs/a.pack'])
  expect(searchParams.get('X-Amz-Expires')).toBe('900')
  expect(searchParams.get('X-Amz-Date')).toBe('20260102T030405Z')
  expect(searchParams.get('X-Amz-Credential')).toMatch(/^access\/20260102\/here\/s3\//)
  expect(signed.url).not.toContain('secret')
  expect(signed.validUntil).toEqual(new Date('2026-01-02T03:19:05Z'))
})

test.each([
  ['only an s3: store', { VEND_STORE: 'file:./r', VEND_REDIRECTS: 'packs=presigned' }],
  [
    'https: URL',
    { VEND_STORE: 'file:./r', VEND_REDIRECTS: 'packs=http://cdn.example/', VEND_BEHIND_TLS: 'yes' },
  ],
  [
    'endpoint as https:',
    { VEND_STORE: s3, VEND_REDIRECTS: 'packs=presigned', VEND_BEHIND_TLS: 'yes', ...keys },
  ],
])('what cannot work is refused: %s', async (message, env) => {
  await expect(open(env)).rejects.toMatchObject({
    code: 'SETTINGS_INVALID',
    message: expect.stringContaining(message) as string,
  })
})
