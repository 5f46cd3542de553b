import { readdirSync } from 'node:fs'

export interface DirectoryListing {
  /** One character a byte, in no order. */
  readonly names: readonly string[]
  /** Those of them that are directories themselves. */
  readonly directories: ReadonlySet<string>
}

/** The names in the directory open at `fd` (O_PATH is enough). Throws what node:fs throws. */
export function listDirectory(fd: number): DirectoryListing {
  const names: string[] = []
  const directories = new Set<string>()
  // A path of text and names as bytes: where the kernel does not say their types, node:fs can still join the two.
  for (const item of readdirSync(`/proc/self/fd/${fd}/.`, { encoding: 'buffer', withFileTypes: true })) {
    const name = item.name.toString('latin1')
    names.push(name)
    if (item.isDirectory()) directories.add(name)
  }
  return { names, directories }
}
