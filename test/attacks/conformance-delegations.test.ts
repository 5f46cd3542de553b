import { once } from 'node:events'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DelegationEntry, Forge } from './forge.ts'
import { ForgeKey } from './forge-key.ts'
import { Visitor } from './visitor.ts'

// The cases of the conformance suite of The Update Framework's clients (theupdateframework/tuf-conformance: delegations,
// role names and downloads), against ours. Each `describe` has a file of that suite as its name.

let visitor: Visitor
const delegate = ForgeKey.generate()

beforeAll(async () => {
  visitor = await Visitor.begin()
})
afterEach(() => visitor.renew())
afterAll(async () => visitor[Symbol.asyncDispose]())

/** Puts delegations in the place of the publisher's, each with a role of its own to go with it. */
function redelegate(forge: Forge, entries: readonly Partial<DelegationEntry>[]): void {
  forge.edit('targets', ({ delegations }) => {
    delegations.roles = entries.map((entry) => ({
      name: '',
      paths: ['*/*'],
      terminating: false,
      threshold: 1,
      ...entry,
      keyids: entry.keyids ?? [delegate.id],
    }))
    delegations.keys[delegate.id] = delegate.entry
  })
  for (const { name = '' } of entries) {
    if (['releases', 'channels'].includes(name)) continue
    forge.keys.set(name, [delegate])
    forge.write(name, emptyTargets(forge))
  }
}

function emptyTargets(forge: Forge): ReturnType<Forge['signed']> {
  return { ...forge.signed('releases'), version: 1, targets: {} }
}

describe('test_updater_delegation_graphs', () => {
  const ours = (forge: Forge): Partial<DelegationEntry>[] => forge.signed('targets').delegations.roles

  test('roles are asked in the order in which they are named, down to the one that ends the search', async () => {
    const forge = visitor.forge()
    redelegate(forge, [{ name: 'a' }, { name: 'b', paths: ['other/*'] }, ...ours(forge), { name: 'z' }])
    forge.vouch()
    const repository = await visitor.refresh()
    expect(visitor.asked.filter((name) => /^\d+\.(a|b|channels|releases|z)$/.test(name))).toEqual([
      '1.a',
      '2.channels',
      '2.releases',
    ])
    expect(await repository.channel('stable')).toMatchObject({ version: 1 })
  })

  test('a role is believed below its own paths only', async () => {
    const forge = visitor.forge()
    const document = { channel: 'stolen', format: 1 }
    forge.document('releases', 'channels/stolen.json', document)
    forge.vouch()
    expect(await (await visitor.refresh()).channel('stolen')).toBeUndefined()
  })

  test('roles that delegate in a circle are asked once each', async () => {
    const forge = visitor.forge()
    redelegate(forge, [{ name: 'a' }])
    const circle = structuredClone(forge.signed('targets').delegations)
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      // prettier-ignore
      const delegations = structuredClone(circle)
      for (const role of delegations.roles) role.name = to
      forge.keys.set(from, [delegate])
      forge.write(from, { ...emptyTargets(forge), delegations })
    }
    forge.vouch()
    expect(await (await visitor.refresh()).channel('stable')).toBeUndefined()
    expect(visitor.asked.filter((name) => /^1\.[ab]$/.test(name))).toEqual(['1.a', '1.b'])
  })

  test('a role that the snapshot does not list is refused', async () => {
    const forge = visitor.forge()
    redelegate(forge, [{ name: 'a' }, ...ours(forge)])
    forge.vouch({ snapshot: ({ meta }) => delete meta['a.json'] })
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  })
})

/** Serves files by the names that are asked for, letter by letter. */
class LiteralServer implements AsyncDisposable {
  readonly asked: string[] = []
  readonly #server: Server

  private constructor(directory: string) {
    this.#server = createServer(({ url = '' }, response) => {
      this.asked.push(url)
      const file = join(directory, ...url.split('/'))
      const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true
      response.writeHead(isThere ? 200 : 404).end(isThere ? readFileSync(file) : '')
    })
  }

  static async start(directory: string): Promise<LiteralServer> {
    const literal = new LiteralServer(directory)
    literal.#server.listen(0, '127.0.0.1')
    await once(literal.#server, 'listening')
    return literal
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

describe('test_quoting_issues', () => {
  test.each(['?', '#', '/delegatedrole', '../delegatedrole', '..', '.', 'a/../../../b', '%2e%2e', 'ro le'])(
    'a role called "%s" is asked for, and kept, in one place',
    async (name) => {
      const forge = visitor.forge()
      redelegate(forge, [{ name }, ...forge.signed('targets').delegations.roles])
      forge.vouch()
      const outside = readdirSync(join(visitor.trust, '..')).sort()
      await using literal = await LiteralServer.start(visitor.repository)
      const repository = await visitor.refresh({ baseUrl: literal.url })
      expect(await repository.channel('stable')).toMatchObject({ version: 1 })
      expect(literal.asked).toContain(`/tuf/metadata/1.${encodeURIComponent(name)}.json`)
      expect(readdirSync(join(visitor.trust, '..')).sort()).toEqual(outside)
      expect(readdirSync(visitor.trust)).toContain(`${encodeURIComponent(name)}.json`)
    },
  )

  test.each(['root', 'targets', 'snapshot', 'timestamp'])(
    'a delegated role called "%s" is refused',
    async (name) => {
      const forge = visitor.forge()
      forge.edit('targets', ({ delegations }) => {
        const [first] = delegations.roles
        if (first !== undefined) delegations.roles.unshift({ ...first, name, paths: ['*/*'] })
      })
      forge.vouch()
      await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    },
  )
})

describe('test_file_download', () => {
  const path = 'channels/other.json'
  const document = { channel: 'other', format: 1, halted: false, version: 1, waypoints: [] }
  const isOther = (asked: string): boolean => asked.endsWith('.other.json')

  test('a document is fetched under the name that its digest gives it', async () => {
    const forge = visitor.forge()
    forge.document('channels', path, { ...document, unknown: 1 })
    forge.vouch()
    const repository = await visitor.refresh()
    // It is fetched and found to be what was signed; that it is no channel is another matter.
    await expect(repository.channel('other')).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
    expect(visitor.server.paths.at(-1)).toMatch(/^tuf\/targets\/channels\/[0-9a-f]{64}\.other\.json$/)
  })

  test('a document of other bytes is refused, as long as the right one or not', async () => {
    const forge = visitor.forge()
    forge.document('channels', path, document)
    forge.vouch()
    const repository = await visitor.refresh()
    for (const [damage, code] of [
      [(body: Buffer) => Buffer.alloc(body.length, 'x'), 'UNTRUSTED'],
      [(body: Buffer) => body.subarray(1), 'UNTRUSTED'],
      [(body: Buffer) => Buffer.concat([body, body]), 'SERVER_REFUSED'],
    ] as const) {
      visitor.server.rewrite = (asked, body) => (isOther(asked) ? damage(body) : body)
      await expect(repository.channel('other')).rejects.toMatchObject({ code })
    }
  })
})
