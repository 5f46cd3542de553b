import { execFileSync } from 'node:child_process'
import {
  cpSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const programs = ['dash', 'ln', 'mkdir', 'chown', 'rm', 'env']
const authorities = '/etc/ssl/certs/ca-certificates.crt'

/**
 * Makes an image with what a Containerfile of ours needs of its base, out of this machine's own programs: no registry of
 * images is asked. Node.js is the one that runs this.
 */
export function importBase(directory: string, name: string): void {
  const root = join(directory, 'base')
  for (const path of [
    'bin',
    'usr/bin',
    'usr/local/bin',
    'etc/ssl/certs',
    'proc',
    'sys',
    'dev',
    'root',
    'var/lib',
  ]) {
    mkdirSync(join(root, path), { recursive: true })
  }
  mkdirSync(join(root, 'tmp'))
  chmodSync(join(root, 'tmp'), 0o1777)
  const node = join(root, 'usr/local/bin/node')
  cpSync(process.execPath, node)
  const copies = programs.map((program) => {
    const copy = join(root, 'bin', program)
    cpSync(which(program), copy, { dereference: true })
    return copy
  })
  symlinkSync('dash', join(root, 'bin/sh'))
  symlinkSync('../../bin/env', join(root, 'usr/bin/env'))
  for (const library of new Set([node, ...copies].flatMap(librariesOf))) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    cpSync(realpathSync(library), join(root, library))
  }
  addNpm(root)
  if (existsSync(authorities)) writeFileSync(join(root, authorities), readFileSync(authorities))
  execFileSync('tar', ['-C', root, '-cf', join(directory, 'base.tar'), '.'])
  const changes = ['ENV PATH=/usr/local/bin:/usr/bin:/bin', `ENV NODE_EXTRA_CA_CERTS=${authorities}`]
  const args = ['import', ...changes.flatMap((change) => ['-c', change]), join(directory, 'base.tar'), name]
  execFileSync('podman', args, { stdio: 'pipe' })
}

function addNpm(root: string): void {
  const installed = join(realpathSync(which('npm')), '../..')
  cpSync(installed, join(root, 'usr/local/lib/npm'), { recursive: true })
  const script = '#!/bin/sh\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\n'
  writeFileSync(join(root, 'usr/local/bin/npm'), script, { mode: 0o755 })
}

function which(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
}

function librariesOf(program: string): string[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...listed.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? [])
}
