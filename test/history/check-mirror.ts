import type { Commit } from './reachability-checker.ts'
import { Violation } from './violation.ts'

/** All that a mirror ever showed was once visible in its source, and not later there. Throws a Violation. */
export function checkMirror(source: readonly Commit[], mirrored: readonly Commit[]): void {
  for (const { step, state } of mirrored) {
    const original = source.find((commit) => commit.state.timestamp === state.timestamp)
    if (original === undefined || original.step > step) {
      throw new Violation(`the mirror shows timestamp ${state.timestamp}, which its source had not shown`)
    }
    const isSame =
      isEqual(original.state.releases, state.releases) && isEqual(original.state.channels, state.channels)
    if (!isSame) throw new Violation(`the mirror shows a mixture under timestamp ${state.timestamp}`)
  }
}

function isEqual<Name>(one: ReadonlyMap<Name, string>, other: ReadonlyMap<Name, string>): boolean {
  return one.size === other.size && [...one].every(([name, digest]) => other.get(name) === digest)
}
