import xxhash from 'xxhash-wasm'
import { wholeFleet } from '../../manifests/rollout.ts'

/** A machine's place in the queue of a rollout, 0 to 9,999 (format §6). */
export async function rolloutBucket(seed: string, machineId: string): Promise<number> {
  return (await openRolloutHash())(seed, machineId)
}

/** The same for many machines. */
export async function openRolloutHash(): Promise<(seed: string, machineId: string) => number> {
  const hasher = await xxhash()
  return (seed, machineId) => Number(hasher.h64(`${seed}:${machineId}`) % BigInt(wholeFleet))
}
