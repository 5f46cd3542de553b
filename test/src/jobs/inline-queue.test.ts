import { InlineQueue } from '../../../src/jobs/inline-queue.ts'
import { contractOptions, describeJobQueue } from './job-queue-contract.ts'

describeJobQueue('the inline queue', async () => Promise.resolve(new InlineQueue(contractOptions)))
