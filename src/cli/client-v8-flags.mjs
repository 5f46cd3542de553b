import v8 from 'node:v8'

/**
 * Before anything else is loaded. Trees pass through in small short-lived objects: the heap's young part would grow to
 * 100 MB for them, and be no faster than with 4; and as several threads collect it, they take more time than one. A
 * machine has other work: all of the garbage is collected when it is half as much as what is in use, not when it is more.
 */
export function setClientFlags() {
  for (const flag of [
    'min-semi-space-size=4',
    'semi-space-growth-factor=1',
    'no-parallel-scavenge',
    'heap-growing-percent=50',
  ])
    v8.setFlagsFromString(`--${flag}`)
}
