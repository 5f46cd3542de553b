import { spawnSync } from 'node:child_process'

export const isRoot = process.geteuid?.() === 0

/** Whether a program is there; /usr/sbin counts, as it does for root. */
export function hasProgram(name: string): boolean {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  return spawnSync(name, ['--version'], { env, stdio: 'ignore' }).error === undefined
}
