const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes for people, in decimal units and three digits: `0 B`, `1.23 kB`, `458 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < decimalUnits.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${decimalUnits[unit]}`
}

/** `27,232` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 chunk`, `27,232 chunks` */
export function formatCounted(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`
}

/** `0.42 s`, `12.3 s`, `3 min 07 s`, `2 h 05 min` */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`
}

/** A rollout's fraction of 10,000 as a percentage: `10 %`, `0.25 %`. */
export function formatFraction(fraction: number): string {
  return `${fraction / 100} %`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
