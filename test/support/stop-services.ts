import { stopRadosgw } from './radosgw.ts'

/** Test files start the servers they need and leave them running for the next; this ends them with the run. */
export async function teardown(): Promise<void> {
  await stopRadosgw()
}
