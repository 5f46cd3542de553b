import { auditMachine, type MachineAudit } from './audit-machine.ts'
import { MachineError } from './errors.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { MachineState } from './machine-state.ts'
import { seenHeads, signedHead, writeSeenHeads } from './seen-heads.ts'
import { TrustedRepository } from './trusted-repository.ts'

/**
 * Audits the machine against the log that the repository has now (`auditMachine`), whose head is then the one that the
 * machine remembers. Throws OBJECT_MISSING when there is no log. Needs the machine's lock.
 */
export async function auditAgainstRepository(
  state: MachineState,
  fetcher: HttpFetcher,
  signal: AbortSignal | undefined,
): Promise<MachineAudit> {
  const { trust } = state.layout
  const repository = await TrustedRepository.refresh(trust, fetcher, signal)
  const head = signedHead(trust)
  if (head === undefined) {
    throw new MachineError('OBJECT_MISSING', 'the repository has no log yet', {
      hint: 'it gets one with its next publish or refresh',
    })
  }
  const audit = await auditMachine({
    head,
    seen: seenHeads(trust),
    installed: state.installed(),
    release: async (version) => repository.release(version, signal, { passing: true }),
    read: async (path, maxBytes) => fetcher.fetch(`log/${path}`, { maxBytes, signal }),
  })
  writeSeenHeads(trust, [head])
  return audit
}
