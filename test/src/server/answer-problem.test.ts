import { expect, test } from 'vitest'
import type { MakePlane } from '../../../src/server/plane.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { Served } from './served.ts'

test.each([1, 100_000, 10_000_000])(
  'a plane that gives up a body of %i bytes harms nobody',
  async (bytes) => {
    const careless: MakePlane = () => ({
      owns: (req) => req.url === '/v1/test',
      checkBody: () => undefined,
      answer: async (req) => {
        // Ends the request's stream.
        for await (const _ of req) throw new Error('enough')
      },
    })
    await using served = await Served.start({ store: new MemoryStore(), planes: [careless] })
    const body = Buffer.alloc(bytes, 'x')
    // With what is sent still on its way the connection may end before the answer is read.
    const status = await fetch(`${served.server.url}/v1/test`, { method: 'POST', body }).then(
      (answer) => answer.status,
      () => 500,
    )
    expect(status).toBe(500)
    expect(await served.get('/healthz')).toMatchObject({ status: 200 })
    expect(served.log.filter(({ msg }) => msg === 'request failed')).toHaveLength(1)
  },
)
