/** What is run in a finished root, by the name that a definition gives it. */
export interface KnownHook {
  /** Its name: where it lies is looked up in the tree. */
  readonly program: string
  readonly args: readonly string[]
  /** Run once for each directory here, with its name at the end. */
  readonly each?: readonly string[]
}

/** Mounted or emptied when a machine starts: what is made there now is not seen then. */
const fleeting = ['/dev', '/proc', '/run', '/sys', '/tmp'].map((path) => `--exclude-prefix=${path}`)

export const knownHooks: Readonly<Record<string, KnownHook>> = {
  depmod: { program: 'depmod', args: ['-a'], each: ['usr/lib/modules', 'lib/modules'] },
  'fc-cache': { program: 'fc-cache', args: ['--system-only', '--force'] },
  'gdk-pixbuf-query-loaders': { program: 'gdk-pixbuf-query-loaders', args: ['--update-cache'] },
  'glib-compile-schemas': { program: 'glib-compile-schemas', args: ['/usr/share/glib-2.0/schemas'] },
  'gtk-update-icon-cache': {
    program: 'gtk-update-icon-cache',
    args: ['--quiet', '--force', '--ignore-theme-index', '/usr/share/icons/hicolor'],
  },
  ldconfig: { program: 'ldconfig', args: [] },
  'locale-gen': { program: 'locale-gen', args: [] },
  mandb: { program: 'mandb', args: ['--quiet'] },
  'systemd-hwdb': { program: 'systemd-hwdb', args: ['--usr', 'update'] },
  'systemd-sysusers': { program: 'systemd-sysusers', args: [] },
  'systemd-tmpfiles': { program: 'systemd-tmpfiles', args: ['--create', ...fleeting] },
  'update-ca-certificates': { program: 'update-ca-certificates', args: [] },
  'update-ca-trust': { program: 'update-ca-trust', args: [] },
  'update-desktop-database': { program: 'update-desktop-database', args: ['--quiet'] },
  'update-mime-database': { program: 'update-mime-database', args: ['/usr/share/mime'] },
}

/** Where programs are looked for, in this order. */
export const programDirectories = ['usr/sbin', 'usr/bin', 'sbin', 'bin'] as const
