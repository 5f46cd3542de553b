import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const modules = join(import.meta.dirname, '../../node_modules')

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/**
 * What the compiler has against these objects as values of the types that are made from Kubernetes' own description of
 * its API (kubernetes-types, of 1.30): fields that are not there, are missing, or are of another type. Which strings and
 * numbers a field takes the types do not say.
 */
export async function typeErrors(objects: readonly KubernetesObject[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vend-kubernetes-'))
  try {
    const lines = objects.flatMap((object, i) => [
      `import type { ${object.kind} as Kind${i} } from 'kubernetes-types/${moduleOf(object)}'`,
      `export const object${i}: Kind${i} = ${JSON.stringify(object, undefined, 2)}`,
    ])
    await writeFile(join(directory, 'objects.ts'), `${lines.join('\n')}\n`)
    const compilerOptions = {
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      paths: { 'kubernetes-types/*': [join(modules, 'kubernetes-types/*')] },
    }
    await writeFile(
      join(directory, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['objects.ts'] }),
    )
    await promisify(execFile)(join(modules, '.bin/tsc'), ['-p', directory], { cwd: directory })
    return ''
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function moduleOf({ apiVersion }: KubernetesObject): string {
  if (!apiVersion.includes('/')) return `core/${apiVersion}`
  return apiVersion.replace('.k8s.io', '')
}
