import type { AuditReport } from '../../maintenance/audit-log.ts'
import { defineCommand } from '../command.ts'
import { formatCounted } from '../format-quantity.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { openLogCopy } from '../open-log-copy.ts'
import { option } from '../parameters.ts'
import { formatPairs } from '../table.ts'
import type { Style } from '../terminal.ts'

/** `vend audit` */
export const auditCommand = defineCommand({
  path: 'audit',
  summary: 'check the transparency log, or a copy of it, against the store',
  description:
    'Reads the log from its first entry on and checks that it leads to the head that is signed, that each entry is a ' +
    'document that the store holds, that every release and channel is in it, and that earlier heads are its prefixes. ' +
    'With --copy also that a copy, which someone else has kept, is whole and of the same history. Changes nothing.',
  examples: ['audit', 'audit --copy /backup/repository', 'audit --copy https://mirror.example/os --json'],
  arguments: {},
  options: {
    copy: option(
      '--copy <DIR|URL>',
      'a copy of the repository, of which only log/ is read',
      (text: string) => text,
    ),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  run: async ({ copy }, context): Promise<AuditReport> => {
    const { settings, signal, progress } = context
    const { auditLog } = await import('../../maintenance/audit-log.ts')
    await using opened = copy === undefined ? undefined : await openLogCopy(copy, signal)
    progress.begin('reading the log')
    return await auditLog(settings.store, {
      signal,
      copy: opened,
      trustedRoot: openKeyRing(context).trustedRoot(),
      onProgress: ({ entries, total }) => {
        progress.update({ entries, totalEntries: total })
      },
    })
  },
  answer: (report) => ({
    json: {
      origin: report.head?.origin ?? null,
      entries: report.head?.size ?? null,
      root: report.head?.root ?? null,
      copyEntries: report.copyHead?.size ?? null,
      listed: report.listed,
      otherSnapshots: report.otherSnapshots,
      findings: report.findings.map(({ what, problem }) => ({ what, problem })),
    },
    text: (style) => describe(report, style),
  }),
  exitCode: ({ findings }) => (findings.length === 0 ? 'ok' : 'damage'),
})

function describe({ head, copyHead, listed, otherSnapshots, findings }: AuditReport, style: Style): string {
  const pairs = formatPairs([
    ...(head === undefined
      ? []
      : ([
          ['log', head.origin],
          ['root', head.root],
        ] as const)),
    ['entries', String(head?.size ?? 'none')],
    ...(copyHead === undefined ? [] : ([['in the copy', String(copyHead.size)]] as const)),
    ['documents', `${listed} that are listed`],
  ])
  const lost =
    otherSnapshots.length === 0
      ? ''
      : `Snapshots ${otherSnapshots.join(', ')} sign other histories: publishes that lost their race leave such, and ` +
        'no timestamp is known that names them.\n'
  const found = findings.map(({ what, problem }) => `${style.red(what)} ${problem}\n`).join('')
  const verdict =
    findings.length === 0
      ? style.bold('The log is whole, and says what the repository has.')
      : style.red(`${formatCounted(findings.length, 'finding')}.`)
  return `${found}${verdict}\n${pairs}${lost}`
}
