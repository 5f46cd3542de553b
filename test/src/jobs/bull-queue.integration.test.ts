import { BullQueue } from '../../../src/jobs/bull-queue.ts'
import { parseQueueUrl, type RedisPlace } from '../../../src/jobs/queue-url.ts'
import { makeQueueUrl } from '../../support/redis.ts'
import { contractOptions, describeJobQueue } from './job-queue-contract.ts'

describeJobQueue('the queue on Redis', async () => {
  const place = parseQueueUrl(await makeQueueUrl()) as RedisPlace
  return new BullQueue(place, { queue: contractOptions, locks: { watchMs: 20 } })
})
