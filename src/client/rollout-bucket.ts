import xxhash from 'xxhash-wasm'
import { wholeFleet } from '../../manifests/channel.ts'

/** The machine's place in the queue of a rollout, 0 to 9,999 (format §6). */
export async function rolloutBucket(seed: string, machineId: string): Promise<number> {
  const hasher = await xxhash()
  return Number(hasher.h64(`${seed}:${machineId}`) % BigInt(wholeFleet))
}
