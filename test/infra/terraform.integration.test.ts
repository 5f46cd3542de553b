import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeBucket, s3Client, startRadosgw, type S3Server } from '../support/radosgw.ts'
import { hasProgram } from '../support/programs.ts'

const directory = join(import.meta.dirname, '../../infra/terraform')
const sources = readdirSync(directory)
  .filter((name) => name.endsWith('.tf'))
  .map((name) => readFileSync(join(directory, name), 'utf8'))
  .join('\n')

interface Policy {
  readonly Statement: readonly {
    readonly Sid: string
    readonly Effect: 'Allow' | 'Deny'
    readonly Action: string | readonly string[]
    readonly Resource: string | readonly string[]
  }[]
}

/** As Terraform's templatefile() does: the templates have nothing but names in them. */
function policy(name: string, values: Readonly<Record<string, string>>): string {
  const text = readFileSync(join(directory, 'policies', `${name}.json.tftpl`), 'utf8')
  return text.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
    const value = values[variable]
    if (value === undefined) throw new Error(`${name}: no value for ${variable}`)
    return value
  })
}

function statements(name: string): Policy['Statement'] {
  const values = { objects: 'arn:aws:s3:::b/', bucket: 'arn:aws:s3:::b', principal: '"*"', condition: '{}' }
  return (JSON.parse(policy(name, values)) as Policy).Statement
}

describe('on a real server', () => {
  let server: S3Server
  let bucket: Awaited<ReturnType<typeof makeBucket>>
  const digest = 'a'.repeat(64)
  const chunk = `vend/chunks/aaaa/${digest}.cacnk`

  beforeAll(async () => {
    server = await startRadosgw()
    bucket = await makeBucket(server)
    const s3 = s3Client(server)
    for (const Key of [chunk, 'vend/tuf/metadata/timestamp.json', 'vend/private/publishes/1.json', 'other']) {
      await s3.putObject({ Bucket: bucket.name, Key, Body: 'content' })
    }
    const Policy = policy('readers', {
      objects: `arn:aws:s3:::${bucket.name}/vend/`,
      principal: '{"AWS":["*"]}',
      condition: '{}',
    })
    await s3.putBucketPolicy({ Bucket: bucket.name, Policy })
    s3.destroy()
  })

  afterAll(async () => {
    const s3 = s3Client(server)
    await s3.deleteBucketPolicy({ Bucket: bucket.name })
    s3.destroy()
    await bucket[Symbol.asyncDispose]()
  })

  async function statusOf(key: string, init?: RequestInit): Promise<number> {
    const response = await fetch(`${server.endpoint}/${bucket.name}/${key}`, init)
    await response.arrayBuffer()
    return response.status
  }

  test('readers read what is public, and nothing that is not', async () => {
    expect(await statusOf(chunk)).toBe(200)
    expect(await statusOf('vend/tuf/metadata/timestamp.json')).toBe(200)
    expect(await statusOf('vend/private/publishes/1.json')).toBe(403)
    expect(await statusOf('other')).toBe(403)
    expect(await statusOf('')).toBe(403)
    expect(await statusOf('?list-type=2&prefix=vend/private/')).toBe(403)
  })

  test('readers write nothing', async () => {
    expect(await statusOf(chunk, { method: 'PUT', body: 'other' })).toBe(403)
    expect(await statusOf(chunk, { method: 'DELETE' })).toBe(403)
    expect(await statusOf('vend/packs/new', { method: 'PUT', body: 'new' })).toBe(403)
  })
})

test('who writes may not delete what has to last', () => {
  const denied = statements('publisher').find(({ Effect }) => Effect === 'Deny')
  expect(denied).toMatchObject({
    Action: 's3:DeleteObject',
    Resource: ['arn:aws:s3:::b/tuf/*', 'arn:aws:s3:::b/log/*'],
  })
  const writes = statements('front-end').filter(({ Action }) =>
    [Action].flat().some((name) => /Put|Delete/.test(name)),
  )
  for (const { Resource } of writes) {
    for (const resource of [Resource].flat()) expect(resource).toMatch(/\/(?:packs|private)\/\*$/)
  }
})

test('what is replaced is not cached, and neither is absence', () => {
  expect(sources).toMatch(/replaced\s+= \["\/tuf\/metadata\/timestamp\.json", "\/log\/checkpoint"\]/)
  expect(sources).toMatch(/for_each = local\.replaced[^}]*cache_policy_id\s+= local\.caching_disabled/)
  const absences = [
    ...sources.matchAll(/custom_error_response \{\s+error_code\s+= (\d+)\s+error_caching_min_ttl = 0\s+\}/g),
  ]
  expect(absences.map(([, status]) => status)).toEqual(['403', '404'])
})

test('what is named is declared', () => {
  const declared = [...sources.matchAll(/^(resource|variable) "(\w+)"(?: "(\w+)")? \{/gm)].map(
    ([, kind, first, second]) => (kind === 'variable' ? `var.${first}` : `${first}.${second}`),
  )
  const locals = /^locals \{\n([\s\S]*?)^\}/m.exec(sources)?.[1] ?? ''
  declared.push(...[...locals.matchAll(/^ {2}(\w+)\s+=/gm)].map(([, name]) => `local.${name}`))
  const used = [...sources.matchAll(/\b(?:(?:var|local)\.\w+|aws_\w+\.\w+)/g)].map(([name]) => name)
  expect(used.length).toBeGreaterThan(30)
  for (const name of used) expect(declared).toContain(name)
})

// No more can be told without the provider, which lies in Terraform's own registry: arguments of resources are unchecked.
test.skipIf(!hasProgram('terraform'))('terraform reads it, and would write it so', () => {
  const terraform = (...args: string[]): unknown[] => {
    const { status, stdout } = spawnSync('terraform', args, { cwd: directory, encoding: 'utf8' })
    return [args, status, stdout]
  }
  expect(terraform('fmt', '-check', '-recursive')).toEqual([['fmt', '-check', '-recursive'], 0, ''])
  expect(terraform('providers')).toEqual([
    ['providers'],
    0,
    expect.stringContaining('provider[registry.terraform.io/hashicorp/aws] ~> 5.0'),
  ])
})
