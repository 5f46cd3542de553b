import type { Environment } from './setting-parsers.ts'
import { settingsTable, type Setting, type SettingValues, type SettingsTable } from './settings-table.ts'
import { flattenSettingsFile, type SettingsFile } from './settings-file.ts'
import { suggestName } from '../suggest-name.ts'
import { listProblems } from './usage-error.ts'

/** Where settings come from; the first that has one wins. */
export interface SettingSources {
  /** By name of the setting, as given on the command line. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly env: Environment
  readonly file?: SettingsFile | undefined
}

/** Settings that are unknown, malformed or contradictory: all of them, each with its origin and the way out. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly code = 'SETTINGS_INVALID'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(listProblems(problems))
    this.problems = problems
  }
}

interface Given {
  readonly text: string
  /** For messages: `--store`, `VEND_STORE`, `store in vend.yaml`. */
  readonly origin: string
}

/** Throws a SettingsError with every problem of every source. */
export function loadSettings(sources: SettingSources): Promise<SettingValues<typeof settingsTable>>
export function loadSettings<Table extends SettingsTable>(
  sources: SettingSources,
  table: Table,
): Promise<SettingValues<Table>>
export async function loadSettings(
  sources: SettingSources,
  table: SettingsTable = settingsTable,
): Promise<Readonly<Record<string, unknown>>> {
  const problems = unknownVariables(sources.env, table)
  const inFile = await readFileSettings(sources.file, table, problems)
  const values: Record<string, unknown> = {}
  const origins = new Map<string, string>()
  for (const [name, setting] of Object.entries(table)) {
    const given = findGiven(name, setting, sources, inFile)
    if (given.length > 0) origins.set(name, given[0]?.origin ?? '')
    // All are parsed, also those that another source overrides: a mistake is one wherever it lies.
    const parsed = await Promise.all(given.map((one) => parseOne(one, setting, sources.env, problems)))
    values[name] = parsed.length > 0 ? parsed[0] : await parseDefault(setting, sources.env)
  }
  problems.push(...contradictions(origins))
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(values)
}

function unknownVariables(env: Environment, table: SettingsTable): string[] {
  const known = new Set(Object.values(table).map((setting) => setting.env))
  return Object.keys(env)
    .filter((name) => name.startsWith('VEND_') && !known.has(name))
    .sort()
    .map(
      (name) =>
        `${name} in the environment: there is no such setting${suggestName(name, known) || '; unset it'}`,
    )
}

async function readFileSettings(
  file: SettingsFile | undefined,
  table: SettingsTable,
  problems: string[],
): Promise<ReadonlyMap<string, string>> {
  if (file === undefined) return new Map()
  const { values, problems: found } = await flattenSettingsFile(file)
  problems.push(...found)
  const known = new Set(Object.values(table).flatMap(({ key }) => key ?? []))
  for (const key of values.keys()) {
    if (known.has(key)) continue
    const advice = suggestName(key, known) || `; there are ${[...known].join(', ')}`
    problems.push(`${key} in ${file.path}: there is no such setting${advice}`)
  }
  return values
}

function findGiven(
  name: string,
  { flag, env, key }: Setting<unknown>,
  sources: SettingSources,
  inFile: ReadonlyMap<string, string>,
): Given[] {
  const given: readonly (readonly [string | undefined, string])[] = [
    [sources.flags[name], flag ?? name],
    [sources.env[env], env],
    [key === undefined ? undefined : inFile.get(key), `${key} in ${sources.file?.path}`],
  ]
  return given.flatMap(([text, origin]) => (text === undefined ? [] : { text, origin }))
}

async function parseOne(
  { text, origin }: Given,
  setting: Setting<unknown>,
  env: Environment,
  problems: string[],
): Promise<unknown> {
  if (text === '') {
    const example = setting.default === undefined ? '' : ` (${setting.default} is the default)`
    problems.push(`${origin}: is empty; write a value or leave it out${example}`)
    return undefined
  }
  try {
    return await setting.parse(text, env)
  } catch (error) {
    problems.push(`${origin}: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

async function parseDefault(setting: Setting<unknown>, env: Environment): Promise<unknown> {
  return setting.default === undefined ? undefined : setting.parse(setting.default, env)
}

const together = [['tlsCertificate', 'tlsKey']] as const

function contradictions(origins: ReadonlyMap<string, string>): string[] {
  return together.flatMap(([one, other]) => {
    if (origins.has(one) === origins.has(other)) return []
    const [given, missing] = origins.has(one) ? [one, other] : [other, one]
    const { flag, env, key } = settingsTable[missing]
    return `${origins.get(given)}: needs its other half too; give ${flag}, ${env} or ${key} in vend.yaml`
  })
}
