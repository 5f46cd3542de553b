import { maxReasonLength } from '../../manifests/channel.ts'

/** Why a channel is halted or rolled back, for people; machines show it, so it is one line. */
export function parseReason(text: string): string {
  const reason = text.trim()
  if (reason === '') throw new Error('says nothing')
  if (reason.length > maxReasonLength) throw new Error(`is longer than ${maxReasonLength} characters`)
  if (/\p{Cc}/u.test(reason)) throw new Error('is more than one line, or has control characters')
  if (!reason.isWellFormed()) throw new Error('contains half a surrogate pair')
  return reason
}
