import { parseReleaseName, readModuleName, type ReleaseName } from './release-name.ts'

/** `10`, `stable`, `10:base`: a release, and possibly one of its modules. */
export interface ModulesName {
  readonly release: ReleaseName
  /** Undefined: all of them. */
  readonly module: string | undefined
}

export function parseModulesName(text: string): ModulesName {
  const colon = text.indexOf(':')
  if (colon === -1) return { release: parseReleaseName(text), module: undefined }
  return { release: parseReleaseName(text.slice(0, colon)), module: readModuleName(text.slice(colon + 1)) }
}
