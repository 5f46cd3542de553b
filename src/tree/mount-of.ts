import { readFileSync } from 'node:fs'

/** The id of the mount an open file lies on; tells bind mounts apart too, which the device number does not. */
export function mountOf(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? ''
}
