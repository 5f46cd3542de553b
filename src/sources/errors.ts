import { displayTreePath } from '../../manifests/tree-path.ts'

export type SourceErrorCode =
  | 'SOURCE_UNREADABLE' // the system would not let it be read
  | 'SOURCE_DAMAGED' // cut off, changed, or not what its own checksums say
  | 'SOURCE_REFUSED' // a member that leads elsewhere, or of which readers would make different things
  | 'SOURCE_CONFLICT' // two members or packages claim one path
  | 'SOURCE_TOO_LARGE' // more than the limits allow
  | 'SOURCE_UNSUPPORTED' // a kind of source or member that is not read

/** Where: `source` as people named it, `member` a path in it, one character a byte. */
export interface SourcePlace {
  readonly source: string
  readonly member?: string | undefined
}

const shownBytes = 300

/** Anything that is wrong with what a tree is to be read from. `code` is stable. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code: SourceErrorCode
  readonly source: string
  readonly member: string | undefined

  constructor(code: SourceErrorCode, place: SourcePlace, problem: string, cause?: unknown) {
    super(`${showPlace(place)}: ${harmless(problem)}`, { cause })
    this.code = code
    this.source = place.source
    this.member = place.member
  }
}

/** What a member says of itself may be in a message, and must not speak to a terminal. */
function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
  })
}

function showPlace({ source, member }: SourcePlace): string {
  if (member === undefined) return source
  return `${member === '' ? '/' : showMember(member)} in ${source}`
}

/** A member's path for people, however long and whatever its bytes. */
export function showMember(path: string): string {
  return displayTreePath(path.slice(0, shownBytes)) + (path.length > shownBytes ? '…' : '')
}
