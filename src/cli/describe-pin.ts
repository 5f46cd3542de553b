import type { Answer } from './output.ts'

/** A machine's pin as it is now, and was before. */
export interface Pinned {
  readonly pin: number | undefined
  readonly before: number | undefined
  readonly installed: number | undefined
}

export function answerOfPin({ pin, before, installed }: Pinned): Answer {
  return {
    json: { changed: pin !== before, pin: pin ?? null, before: before ?? null, installed: installed ?? null },
    text: ({ bold }) =>
      `${bold(headline({ pin, before, installed }))}\n${advice({ pin, before, installed })}`,
  }
}

function headline({ pin, before }: Pinned): string {
  const already = pin === before ? ' already' : ''
  return pin === undefined
    ? `This machine follows its channel${already === '' ? ' again' : already}.`
    : `This machine is pinned to release ${pin}${already}.`
}

function advice({ pin, installed }: Pinned): string {
  if (pin === undefined) return ''
  if (installed !== undefined && installed > pin) {
    return `Release ${installed} is installed and stays: "vend-client rollback" goes back to the other root.\n`
  }
  return installed === pin ? '' : '"vend-client update" comes up to it as far as the channel has.\n'
}
