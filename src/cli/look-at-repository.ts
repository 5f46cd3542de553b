import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MachineError } from '../client/errors.ts'
import { HttpFetcher, type FetcherOptions } from '../client/http-fetcher.ts'
import type { MachineSettings } from '../client/machine-state.ts'
import type { ProxyVariables } from '../client/proxy.ts'
import { TrustedRepository } from '../client/trusted-repository.ts'
import { refuseUnknownModules, withOptional } from './change-modules.ts'

export interface FutureMachine extends Pick<MachineSettings, 'url' | 'channel' | 'modules'> {
  readonly trustedRoot: Uint8Array
  /** Leave out the modules that only come along. */
  readonly noOptional?: boolean | undefined
  readonly connection?: MachineSettings['connection']
  readonly env?: ProxyVariables
  readonly onMirrorLeft?: FetcherOptions['onMirrorLeft']
}

/** Someone waits for an answer. */
const attempts = 3

/**
 * Makes sure that a machine which is yet to be made would find what it is to follow, and returns the release that its
 * channel is at, with the modules to ask for: those that are named, and unless `noOptional` those that come along. Throws CHANNEL_MISSING, MODULE_UNKNOWN, UNTRUSTED, METADATA_STALE and SERVER_….
 */
export async function lookAtRepository(
  machine: FutureMachine,
  signal: AbortSignal,
): Promise<{ readonly release: number; readonly modules: MachineSettings['modules'] }> {
  const trust = mkdtempSync(join(tmpdir(), 'vend-init-'))
  try {
    writeFileSync(join(trust, 'root.json'), machine.trustedRoot)
    const { url: baseUrl, connection, env, onMirrorLeft } = machine
    await using fetcher = new HttpFetcher({ baseUrl, connection, env, onMirrorLeft, attempts })
    const repository = await TrustedRepository.refresh(trust, fetcher, signal)
    const channel = await repository.channel(machine.channel, signal)
    if (channel === undefined) throw noChannel(machine.channel)
    const release = await repository.release(channel.version, signal)
    const { modules, noOptional = false } = machine
    if (release === undefined || modules === 'all') return { release: channel.version, modules }
    refuseUnknownModules(modules, Object.keys(release.modules))
    const known = Object.entries(release.modules).map(([name, { includes, optional = [] }]) => ({
      name,
      includes,
      optional,
      installed: false,
    }))
    const asked = noOptional ? modules : [...withOptional(modules, known)].sort()
    return { release: channel.version, modules: asked }
  } finally {
    rmSync(trust, { recursive: true, force: true })
  }
}

function noChannel(name: string): MachineError {
  return new MachineError('CHANNEL_MISSING', `the repository has no channel "${name}"`, {
    hint: 'name another with --channel, or publish to this one first; --offline makes the machine all the same',
  })
}
