import { readFile } from 'node:fs/promises'
import { errorCodeOf } from './exit-codes.ts'

/** The text of a vend.yaml and its path as people know it. */
export interface SettingsFile {
  readonly path: string
  readonly text: string
}

export const defaultSettingsFile = 'vend.yaml'

/** The file at `path`; without one vend.yaml in the working directory, if it is there. Throws when `path` is not. */
export async function findSettingsFile(path: string | undefined): Promise<SettingsFile | undefined> {
  try {
    return { path: path ?? defaultSettingsFile, text: await readFile(path ?? defaultSettingsFile, 'utf8') }
  } catch (error) {
    if (path === undefined && errorCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The scalars of the file by dotted key. */
export async function flattenSettingsFile(
  file: SettingsFile,
): Promise<{ readonly values: ReadonlyMap<string, string>; readonly problems: readonly string[] }> {
  const { parseDocument } = await import('yaml')
  const document = parseDocument(file.text, { prettyErrors: true })
  const values = new Map<string, string>()
  const problems = document.errors.map(
    ({ message }) => `${file.path}: is not YAML: ${message.split('\n')[0]?.replace(/:$/, '')}`,
  )
  if (problems.length > 0) return { values, problems }
  const content: unknown = document.toJS({ maxAliasCount: 0 })
  if (content === null) return { values, problems }
  if (isMapping(content)) flatten(content, '', { values, problems, path: file.path })
  else problems.push(`${file.path}: is not a list of settings; write "store: file:./repository"`)
  return { values, problems }
}

interface Flattened {
  readonly values: Map<string, string>
  readonly problems: string[]
  readonly path: string
}

function flatten(mapping: Readonly<Record<string, unknown>>, prefix: string, into: Flattened): void {
  for (const [name, value] of Object.entries(mapping)) {
    const key = prefix + name
    if (typeof value === 'string') into.values.set(key, value)
    else if (typeof value === 'number' || typeof value === 'boolean') into.values.set(key, String(value))
    else if (isMapping(value)) flatten(value, `${key}.`, into)
    else into.problems.push(`${key} in ${into.path}: has no value; write "${key}: value" or leave it out`)
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
