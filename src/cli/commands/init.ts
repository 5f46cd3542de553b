import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { defineCommand } from '../command.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { repeatableOption } from '../parameters.ts'
import { parseKeyShare } from '../parse-key-share.ts'
import { lifetimesByRole, parseLifetimes } from '../parse-lifetime.ts'

interface InitResult {
  readonly store: string
  readonly keys: string
  readonly rootPath: string
  readonly root: Digest
  readonly created: boolean
}

/** `vend init` */
export const initCommand = defineCommand({
  path: 'init',
  summary: 'make a repository and the keys it is signed with',
  description:
    'Makes an empty repository in the store and the keys it is signed with. Run again with the same options it completes ' +
    'what is missing, and changes nothing that is there.',
  examples: [
    'init',
    'init --store s3://bucket/os?region=eu-central-1 --keys /root/vend-keys',
    'init --threshold root=2/3 --threshold targets=2/3 --lifetime channels=3d,timestamp=1d',
  ],
  arguments: {},
  options: {
    threshold: repeatableOption(
      '--threshold <role=m/n…>',
      'make n keys of the role, of which m have to sign, such as root=2/3 (default 1/1)',
      parseKeyShare,
    ),
    lifetime: repeatableOption(
      '--lifetime <role=time…>',
      'for how long signatures of the role are good (default root, targets and releases 365d, snapshot 14d, channels and timestamp 7d)',
      parseLifetimes,
    ),
  },
  settings: ['store', 'keys'],
  exitCodes: ['conflict', 'trust', 'store'],
  afterInterruption: 'run the same command again: it completes what is missing',
  run: async ({ threshold, lifetime }, context): Promise<InitResult> => {
    const { settings, now, signal } = context
    const { createRepository } = await import('../../repository/create-repository.ts')
    const keys = openKeyRing(context)
    const shares = Object.fromEntries(threshold.map(({ role, ...share }) => [role, share]))
    const created = await createRepository(
      { store: settings.store, keys, now: now(), signal },
      { shares, lifetimes: lifetimesByRole(lifetime) },
    )
    const root = keys.trustedRoot()
    if (root === undefined) throw new Error(`${keys.rootPath} vanished while it was being made`)
    return {
      store: settings.store.name,
      keys: keys.directory,
      rootPath: keys.rootPath,
      root: digestOf(root),
      created,
    }
  },
  answer: (result) => ({
    json: { ...result },
    text: ({ bold }) =>
      [
        result.created
          ? `Made a repository in ${result.store}, and its keys in ${result.keys}.`
          : `The repository in ${result.store} is there already, with the keys in ${result.keys}.`,
        '',
        `Machines are to trust ${bold(result.root)}`,
        `(the digest of ${result.rootPath}; give them that file, or this digest).`,
        '',
        'What to do next:',
        `  keep a copy of ${result.keys} in a safe place: without it nothing can be published`,
        '  vend publish DIRECTORY --release 1',
        '  vend serve',
        '',
      ].join('\n'),
  }),
})
