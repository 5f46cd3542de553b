import { join } from 'node:path'
import type { JsonValue } from '../../manifests/canonical-json.ts'
import { encodeByteString } from '../../manifests/fields.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import type { Decision } from '../client/decide.ts'
import { chunkCost } from '../client/delivery-plan.ts'
import type { KeptChange } from '../client/keep-local-changes.ts'
import type { UpdateResult } from '../client/machine.ts'
import type { DeliveryReport } from '../client/module-delivery.ts'
import type { NotKeptKind } from '../tree/not-kept.ts'
import { mirrorPairs, mirrorsJson } from './describe-connection.ts'
import { formatBytes, formatCount, formatCounted, formatDuration } from './format-quantity.ts'
import type { Answer } from './output.ts'
import { formatPairs } from './table.ts'
import type { Style } from './terminal.ts'

/** An update, where and how long. */
export interface Updated {
  readonly result: UpdateResult
  /** The machine's. */
  readonly directory: string
  readonly ms: number
}

const listedChanges = 40

export function answerOfUpdate(updated: Updated): Answer {
  return { json: updateJson(updated), text: (style) => describeUpdate(updated, style) }
}

export function updateJson({ result, ms }: Updated): Readonly<Record<string, JsonValue | undefined>> {
  const { from, to, changed, decision, modules, slot, kept, notKept } = result
  return {
    changed,
    held: isHeld(decision),
    from: from ?? null,
    release: to,
    rules: rulesJson(decision),
    modules,
    slot,
    mirrors: mirrorsJson(result.mirrors),
    requests: result.requests,
    bytes: result.bytes,
    fetchedChunks: result.fetchedChunks,
    contentBytes: result.contentBytes,
    packedBytes: result.packedBytes,
    deliveries: deliveriesJson(result.deliveries),
    reusedBytes: result.reusedBytes,
    hooks: result.hooks.map(({ module, name, run, ms: hookMs }) => ({
      module,
      name,
      run: [...run],
      seconds: Math.round(hookMs) / 1000,
    })),
    madeByHooks: result.madeByHooks,
    images: result.images.map((image) => ({ ...image })),
    kept: keptJson(kept),
    notKept: notKeptJson(notKept),
    seconds: Math.round(ms) / 1000,
  }
}

export function describeUpdate(updated: Updated, { bold, yellow }: Style): string {
  const { result, directory, ms } = updated
  const root = `${join(directory, 'root')}, which is roots/${result.slot}`
  return (
    `${bold(headline(result))}\n` +
    formatPairs([
      ...rulePairs(result.decision),
      ['modules', result.modules.join(', ')],
      ['root', root],
      ...mirrorPairs(result.mirrors),
      ['transferred', `${formatBytes(result.bytes)} in ${formatCounted(result.requests, 'request')}`],
      ...(result.changed ? contentPairs(result) : []),
      ...imagePairs(result),
      ...hookPairs(result),
      ['took', formatDuration(ms)],
    ]) +
    describeKept(result.kept) +
    describeNotKept(result.notKept, yellow) +
    nextStep(result)
  )
}

/** `because` and the rules of a decision, a line each; that the metadata is fresh goes without saying. */
export function rulePairs({ rules }: Pick<Decision, 'rules'>): (readonly [string, string])[] {
  return rules
    .filter(({ name }) => name !== 'freshness')
    .map(({ says }, i) => [i === 0 ? 'because' : '', says])
}

export function rulesJson({ rules }: Pick<Decision, 'rules'>): JsonValue {
  return rules.map(({ name, holds, says }) => ({ name, holds, says }))
}

/** Every rule by its name, with whether it held. */
export function explainRules({ rules }: Pick<Decision, 'rules'>): (readonly [string, string])[] {
  return rules.map(({ name, holds, says }) => [name, `${holds ? 'yes' : 'no '}  ${says}`])
}

/** Whether the machine goes to an earlier release, by order of its channel. */
export function isRollback({ move, rules }: Pick<Decision, 'move' | 'rules'>): boolean {
  return move && rules.some(({ name, holds }) => name === 'rollback' && holds)
}

/** Whether the channel is at another release, which the machine may not take yet. */
export function isHeld({ move, rules }: Pick<Decision, 'move' | 'rules'>): boolean {
  return !move && rules.some(({ name, holds }) => name === 'channel' && holds)
}

/** What became of local changes below /etc; empty when there were none. */
export function describeKept(kept: readonly KeptChange[]): string {
  if (kept.length === 0) return ''
  // What someone may want to look at comes first.
  const ranked = kept.toSorted((a, b) => Number(isPlain(a)) - Number(isPlain(b)))
  const lines = ranked.slice(0, listedChanges).map((change) => `  ${describeChange(change)}\n`)
  const more = kept.length - lines.length
  const rest = more > 0 ? `  and ${formatCount(more)} more, which --json lists\n` : ''
  return `\nLocal changes below /etc:\n${lines.join('')}${rest}`
}

/** What the root could not be given; empty when it was given all. */
export function describeNotKept(
  notKept: UpdateResult['notKept'],
  paint: (text: string) => string = (text) => text,
): string {
  if (notKept.size === 0) return ''
  const lines = [...notKept].map(
    ([kind, { count, firstPath }]) =>
      `  ${notKeptTexts[kind]}: ${formatCount(count)}, the first at /${displayTreePath(firstPath)}\n`,
  )
  return `\n${paint('Not everything could be kept:')}\n${lines.join('')}`
}

export function keptJson(kept: readonly KeptChange[]): JsonValue {
  return kept.map(({ path, outcome, beside }) => ({
    path: encodeByteString(path),
    outcome,
    beside: beside === undefined ? undefined : encodeByteString(beside),
  }))
}

export function notKeptJson(notKept: UpdateResult['notKept']): JsonValue {
  return Object.fromEntries(
    [...notKept].map(([kind, { count, firstPath }]) => [
      kind,
      { count, firstPath: encodeByteString(firstPath) },
    ]),
  )
}

function headline({ from, to, changed, decision }: UpdateResult): string {
  if (from === undefined) return `Installed release ${to}.`
  if (isRollback(decision)) return `Went back from release ${from} to release ${to}.`
  if (from !== to) return `Updated from release ${from} to release ${to}.`
  if (changed) return `Built release ${to} anew, with the modules that are asked for.`
  return describeStay(to, decision)
}

/** Why a machine stays at a release, as a sentence. */
export function describeStay(installed: number, decision: Pick<Decision, 'move' | 'rules'>): string {
  if (isHeld(decision))
    return `Release ${installed} stays: this machine may not take the channel's release yet.`
  const refused = decision.rules.some(({ name, holds }) => name === 'rollback' && !holds)
  const pinned = decision.rules.some(({ name, holds }) => name === 'pin' && holds)
  if (pinned) return `Release ${installed} stays: this machine is pinned.`
  return refused
    ? `Release ${installed} stays: it is later than the channel's, and is not rolled back.`
    : `Release ${installed} is installed, and there is nothing newer.`
}

function contentPairs(result: UpdateResult): (readonly [string, string])[] {
  const { deliveries, fetchedChunks, contentBytes, packedBytes, reusedBytes } = result
  const packed = packedBytes === 0 ? '' : `, ${formatBytes(packedBytes)} of it made from packs`
  const reused = reusedBytes === 0 ? '' : `, ${formatBytes(reusedBytes)} of it from chunks of the root before`
  return [
    ...deliveries
      .filter(({ means }) => means !== 'nothing')
      .map((delivery, i) => [i === 0 ? 'how' : '', describeDelivery(delivery)] as const),
    ['chunks', `${formatCount(fetchedChunks)} fetched`],
    ['written', `${formatBytes(contentBytes + packedBytes)}${packed}${reused}`],
  ]
}

/** `base: a pack of 5.20 MB, where 118 chunks would have been about 48 MB` */
export function describeDelivery({
  module,
  means,
  packs,
  packBytes,
  missingChunks,
  problem,
}: DeliveryReport): string {
  const chunks = `${formatCounted(missingChunks.count, 'chunk')} of about ${formatBytes(chunkCost(missingChunks))}`
  const but = problem === undefined ? '' : `: ${problem}`
  switch (means) {
    case 'nothing':
      return `${module}: everything was here`
    case 'chunks':
      return `${module}: ${chunks}${but}`
    case 'pack':
      return `${module}: a pack of ${formatBytes(packBytes)} for ${chunks}${but}`
    case 'chain':
      return `${module}: ${formatCounted(packs, 'pack')} in a row of ${formatBytes(packBytes)} for ${chunks}${but}`
  }
}

function deliveriesJson(deliveries: readonly DeliveryReport[]): JsonValue {
  return deliveries.map(({ module, means, packs, packBytes, missingChunks, problem }) => ({
    module,
    means,
    packs,
    packBytes,
    missingChunks: missingChunks.count,
    missingChunkBytes: missingChunks.plainBytes,
    problem: problem ?? null,
  }))
}

function imagePairs({ images }: UpdateResult): (readonly [string, string])[] {
  return images.map(({ module, place, bytes, written }, i) => [
    i === 0 ? 'images' : '',
    `${module}: ${formatBytes(bytes)} ${written ? 'written to' : 'was at'} ${place}`,
  ])
}

function hookPairs({ hooks, madeByHooks }: UpdateResult): (readonly [string, string])[] {
  const last = hooks.length - 1
  return hooks.map(({ module, name, ms }, i) => [
    i === 0 ? 'hooks' : '',
    `${name} of ${module}, ${formatDuration(ms)}` +
      (i === last ? `; ${formatCounted(madeByHooks, 'path')} made or changed` : ''),
  ])
}

function nextStep({ changed, from, to, decision }: UpdateResult): string {
  if (decision.rules.some(({ name, holds }) => name === 'waypoint' && holds)) {
    return `\nRelease ${to} is a waypoint: when it runs, "vend-client update" goes on from it.\n`
  }
  return changed && from !== undefined ? '\n"vend-client rollback" goes back.\n' : ''
}

function isPlain({ outcome }: KeptChange): boolean {
  return outcome === 'kept' || outcome === 'stays-removed'
}

function describeChange({ path, outcome, beside }: KeptChange): string {
  const shown = `/${displayTreePath(path)}`
  const other = `/${displayTreePath(beside ?? '')}`
  switch (outcome) {
    case 'kept':
      return `${shown} stays as it was changed here`
    case 'kept-beside-new':
      return `${shown} stays as it was changed here; the release's is ${other}`
    case 'kept-beside':
      return `${shown} is the release's; what was here is ${other}`
    case 'stays-removed':
      return `${shown} stays removed`
  }
}

const notKeptTexts: Readonly<Record<NotKeptKind, string>> = {
  owner: 'owners, which only root can give',
  setuid: 'setuid and setgid bits, which need their owner',
  device: 'device nodes, which only root can make',
  'xattr-not-permitted': 'extended attributes that only root can set',
  'xattr-unsupported': 'extended attributes that this file system does not have',
}
