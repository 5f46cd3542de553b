import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { decodeDraft, encodeDraft, type Draft } from '../trust/draft.ts'
import { TrustError } from '../trust/errors.ts'

/** Throws DRAFT_INVALID, also for a file that cannot be read. */
export function readDraft(path: string): Draft {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new TrustError('DRAFT_INVALID', `the draft ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  return decodeDraft(text, path)
}

/** Whole or not at all: the signatures that a draft has may have come a long way. */
export function writeDraft(path: string, draft: Draft): void {
  const temporary = `${path}.tmp`
  writeFileSync(temporary, encodeDraft(draft), { flush: true })
  renameSync(temporary, path)
}
