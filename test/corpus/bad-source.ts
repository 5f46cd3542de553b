import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A source that must be refused. */
export interface BadSource {
  /** What is wrong with it. */
  readonly name: string
  /** Makes it in an empty directory and returns what is to be published. */
  readonly make: (directory: string) => string
  readonly code: string
  /** What the message must say: the member, and what is wrong with it. */
  readonly says: readonly string[]
  /** More arguments of `vend publish`. */
  readonly args?: readonly string[]
  readonly maxUnpackedBytes?: number
  /** A program of the system without which it cannot be made, or is refused for another reason. */
  readonly needs?: string
}

/** A source of one file, of the kind that its text says. */
export function badFile(
  name: string,
  bytes: () => Uint8Array,
  code: string,
  ...says: readonly string[]
): BadSource {
  return {
    name,
    make: (directory) => {
      const path = join(directory, 'bad')
      writeFileSync(path, bytes())
      return `tar:${path}`
    },
    code,
    says,
  }
}
