/** Where a build finds itself, wherever its files really lie: so that paths in what it makes are always the same. */
export const buildPlace = '/tmp/build'

/** The mtime of every file of every package, in seconds: 1980-01-01, the first that zip files can say. */
export const packageEpoch = 315_532_800

/** What `uname -m` and pacman call the architecture of this process. */
export function packageArchitecture(arch: string = process.arch): string {
  switch (arch) {
    case 'x64':
      return 'x86_64'
    case 'arm64':
      return 'aarch64'
    default:
      return arch
  }
}

/** The makepkg.conf(5) of all builds; `addition`, the text of the set's own makepkg.conf, has the last word. */
export function makepkgConfig(architecture: string, addition = ''): string {
  return `# Written by "vend build".
DLAGENTS=('http::/usr/bin/curl -gqfL -o %o %u' 'https::/usr/bin/curl -gqfL -o %o %u')
VCSCLIENTS=()
CARCH="${architecture}"
CHOST="${architecture}-linux-gnu"
CPPFLAGS="-I$VEND_SYSROOT/usr/include"
CFLAGS="-O2 -pipe -ffile-prefix-map=${buildPlace}="
CXXFLAGS="$CFLAGS"
LDFLAGS="-L$VEND_SYSROOT/usr/lib -Wl,--build-id=none"
BUILDENV=(!distcc !color !ccache check !sign)
OPTIONS=(strip docs !libtool staticlibs emptydirs zipman purge !debug !lto)
INTEGRITY_CHECK=(sha256)
STRIP_BINARIES="--strip-all"
STRIP_SHARED="--strip-unneeded"
STRIP_STATIC="--strip-debug"
MAN_DIRS=({usr{,/local}{,/share},opt/*}/{man,info})
DOC_DIRS=(usr/{,local/}{,share/}{doc,gtk-doc} opt/*/{doc,gtk-doc})
PURGE_TARGETS=(usr/{,share}/info/dir .packlist *.pod)
DBGSRCDIR="/usr/src/debug"
COMPRESSGZ=(gzip -c -f -n)
COMPRESSZST=(zstd -c -z -q -T1 -)
PKGEXT='.pkg.tar.zst'
SRCEXT='.src.tar.gz'
PACKAGER="vend build <vend@localhost.invalid>"
PACMAN_AUTH=()
${addition}`
}
