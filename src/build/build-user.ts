import { execFileSync } from 'node:child_process'

/** Who runs makepkg. */
export interface BuildUser {
  readonly uid: number
  readonly gid: number
}

/** In no range that anything else gives users from (systemd's docs/UIDS-GIDS.md), and so nobody's. */
const unusedId = 60_999

/**
 * The user that builds run as: as root one of its own, else whoever runs this. `name`: a user's name, or a number.
 * Throws an Error with the end of a sentence when there is no such user, or it is root.
 */
export function findBuildUser(name: string | undefined, processUid = process.getuid?.() ?? 0): BuildUser {
  if (processUid !== 0) {
    const [uid, gid] = [processUid, process.getgid?.() ?? processUid]
    if (name !== undefined) throw new Error('only root can run builds as another user')
    return { uid, gid }
  }
  const user = name === undefined ? { uid: unusedId, gid: unusedId } : lookUp(name)
  if (user.uid === 0) throw new Error('root must not run what a PKGBUILD says')
  return user
}

function lookUp(name: string): BuildUser {
  if (/^\d+$/.test(name)) return { uid: Number(name), gid: Number(name) }
  try {
    const fields = execFileSync('getent', ['passwd', '--', name], { encoding: 'utf8' }).split(':')
    return { uid: Number(fields[2]), gid: Number(fields[3]) }
  } catch (cause) {
    throw new Error(`there is no user ${name}`, { cause })
  }
}
