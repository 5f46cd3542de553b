import { ModulesError } from '../../../src/modules/errors.ts'
import { readDefinition } from '../../../src/modules/read-definition.ts'

/** What is wrong with a modules.yaml of this text. */
export function problemsOf(text: string): string[] {
  try {
    readDefinition(text, 'modules.yaml')
  } catch (error) {
    if (error instanceof ModulesError) return error.problems.map(({ message }) => message)
    throw error
  }
  return []
}
