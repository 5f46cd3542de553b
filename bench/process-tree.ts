import { readdirSync, readFileSync } from 'node:fs'

/** Hundredths of a second on every Linux that Node runs on (USER_HZ). */
const ticksPerSecond = 100

export interface TreeUsage {
  /** User and system time, also of descendants that have ended and were waited for. */
  readonly cpuSeconds: number
  /** Resident sets, added up: what processes share is counted for each. */
  readonly residentBytes: number
}

/** What a process and its descendants use now. */
export function usageOfTree(pid: number): TreeUsage {
  const own = usageOf(pid)
  return childrenOf(pid).reduce((sum, child) => {
    const usage = usageOfTree(child)
    return {
      cpuSeconds: sum.cpuSeconds + usage.cpuSeconds,
      residentBytes: sum.residentBytes + usage.residentBytes,
    }
  }, own)
}

function usageOf(pid: number): TreeUsage {
  try {
    // The name, in parentheses, may have any character; what is behind it has none of these.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    const kiB = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return { cpuSeconds: ticks / ticksPerSecond, residentBytes: Number(kiB ?? 0) * 1024 }
  } catch {
    // It has ended meanwhile.
    return { cpuSeconds: 0, residentBytes: 0 }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}
