import { encodeByteString } from '../../../manifests/fields.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import type { VerifyResult } from '../../client/machine.ts'
import type { VerifiedImage } from '../../client/images/verify-images.ts'
import type { Finding } from '../../client/verify-root.ts'
import { defineCommand } from '../command.ts'
import { formatCount, formatCounted, formatDuration } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { flag } from '../parameters.ts'
import type { Style } from '../terminal.ts'

type State = 'damaged' | 'repaired' | 'local' | 'unknown' | 'hooks' | 'hooks-changed'

interface Verified {
  readonly version: number
  readonly findings: readonly (Finding & { readonly state: State })[]
  readonly images: readonly VerifiedImage[]
  readonly ms: number
}

const listedOthers = 40

/** `vend-client verify` */
export const verifyCommand = defineCommand({
  path: 'verify',
  summary: 'compare the active root with its release, and repair it',
  description:
    'Reads every file of the active root and reports what is not as the release has it. What was changed below /etc, ' +
    'what hooks of the release made, and what no release knows, is reported and is no damage; of image modules the ' +
    'images are read. With --repair damage is made right from the repository.',
  examples: ['verify', 'verify --repair', 'verify --json'],
  arguments: {},
  options: { repair: flag('--repair', 'make right what is missing or different') },
  settings: ['machine'],
  exitCodes: ['damage', 'missing', 'conflict', 'trust', 'store'],
  afterInterruption: 'run the same command again',
  run: async ({ repair }, context): Promise<Verified> => {
    const started = performance.now()
    const { isDamage } = await import('../../client/repair-root.ts')
    const machine = await openMachine(context)
    const result = await machine.verify({ repair })
    return { ...judged(result, isDamage), ms: performance.now() - started }
  },
  answer: (verified) => ({
    json: {
      release: verified.version,
      damaged: damagedIn(verified),
      repaired: countOf(verified, 'repaired') + repairedImages(verified),
      local: countOf(verified, 'local'),
      unknown: countOf(verified, 'unknown'),
      hooks: countOf(verified, 'hooks') + countOf(verified, 'hooks-changed'),
      images: verified.images.map((image) => ({ ...image, problem: image.problem ?? null })),
      findings: verified.findings.map(({ path, problem, aspects, state }) => ({
        path: encodeByteString(path),
        problem,
        aspects: [...aspects],
        state,
      })),
      seconds: Math.round(verified.ms) / 1000,
    },
    text: (style) => describe(verified, style),
  }),
  exitCode: (verified) => (damagedIn(verified) === 0 ? 'ok' : 'damage'),
})

function judged(
  { version, findings, repaired, images }: VerifyResult,
  isDamage: (finding: Finding) => boolean,
): Omit<Verified, 'ms'> {
  const made = new Set(repaired)
  const stateOf = (finding: Finding): State => {
    if (isDamage(finding)) return made.has(finding.path) ? 'repaired' : 'damaged'
    if (finding.hooks !== undefined) return finding.hooks === 'changed' ? 'hooks-changed' : 'hooks'
    return finding.local ? 'local' : 'unknown'
  }
  return { version, images, findings: findings.map((finding) => ({ ...finding, state: stateOf(finding) })) }
}

function countOf({ findings }: Verified, state: State): number {
  return findings.filter((finding) => finding.state === state).length
}

function damagedIn(verified: Verified): number {
  const images = verified.images.filter(({ problem, repaired }) => problem !== undefined && !repaired)
  return countOf(verified, 'damaged') + images.length
}

function repairedImages({ images }: Verified): number {
  return images.filter(({ repaired }) => repaired).length
}

function describeImage({ module, place, problem, repaired }: VerifiedImage, { red }: Style): string[] {
  if (problem === undefined) return []
  const state = (repaired ? 'repaired' : 'damaged').padEnd('repaired'.length)
  const what = problem === 'missing' ? 'is missing' : 'has another content'
  const line = `${state}  the image of ${module}, at ${place}: ${what}\n`
  return [repaired ? line : red(line)]
}

function describe(verified: Verified, style: Style): string {
  const others = (['local', 'unknown', 'hooks-changed', 'hooks'] as const).flatMap((state) =>
    listOf(verified, state),
  )
  const more = others.length - listedOthers
  return (
    verified.images.flatMap((image) => describeImage(image, style)).join('') +
    listOf(verified, 'damaged').map(style.red).join('') +
    listOf(verified, 'repaired').join('') +
    others.slice(0, listedOthers).join('') +
    (more > 0
      ? `and ${formatCount(more)} more that are local, unknown or of hooks, which --json lists\n`
      : '') +
    conclusion(verified, style)
  )
}

function listOf({ findings }: Verified, state: State): string[] {
  return findings.filter((finding) => finding.state === state).map(describeFinding)
}

function describeFinding({ path, problem, aspects, state }: Verified['findings'][number]): string {
  const shown = `${state.padEnd('repaired'.length)}  /${displayTreePath(path)}`
  if (state === 'hooks') return `${shown}: was ${problem === 'missing' ? 'removed' : 'made'} by hooks\n`
  if (state === 'hooks-changed') return `${shown}: was made by hooks, and has changed since\n`
  switch (problem) {
    case 'missing':
      return `${shown}: is missing\n`
    case 'unknown':
      return `${shown}: is not of the release\n`
    case 'different':
      return `${shown}: has another ${aspects.map((one) => (one === 'digest' ? 'content' : one)).join(', ')}\n`
  }
}

function conclusion(verified: Verified, { bold, red }: Style): string {
  const [damaged, repaired] = [damagedIn(verified), countOf(verified, 'repaired') + repairedImages(verified)]
  const took = `(${formatDuration(verified.ms)})`
  if (damaged > 0) {
    const advice = '"vend-client verify --repair" makes them right from the repository.'
    return `${red(`${formatCounted(damaged, 'path')} of release ${verified.version} damaged`)} ${took}\n${advice}\n`
  }
  const what =
    repaired > 0
      ? `Repaired ${formatCounted(repaired, 'path')} of release ${verified.version}.`
      : `Release ${verified.version} is as it must be.`
  return `${bold(what)} ${took}\n`
}
