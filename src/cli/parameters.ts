/** What a command takes besides settings. `parse` throws what is wrong with a text as the end of a sentence. */

export interface OptionParameter<Value> {
  /** As commander writes them: `-R, --recursive`, `--release <version>`, `--include <name=names…>`. */
  readonly flags: string
  readonly description: string
  /** From what commander collected: a text, texts, a boolean, or undefined when the option was not given. */
  readonly read: (raw: unknown) => Value
  readonly isRequired: boolean
  readonly isRepeatable: boolean
}

export interface ArgumentParameter<Value> {
  /** `<release>`, `[path]`, `<source...>` */
  readonly name: string
  readonly description: string
  readonly read: (raw: unknown) => Value
}

export type ParameterValues<Parameters> = {
  readonly [Name in keyof Parameters]: Parameters[Name] extends {
    readonly read: (raw: unknown) => infer Value
  }
    ? Value
    : never
}

export function flag(flags: string, description: string): OptionParameter<boolean> {
  return { flags, description, read: (raw) => raw === true, isRequired: false, isRepeatable: false }
}

/** `--no-thing`, the opposite of `--thing <value>`: true when given. */
export function negation(flags: string, description: string): OptionParameter<boolean> {
  return { flags, description, read: (raw) => raw === false, isRequired: false, isRepeatable: false }
}

export function option<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
): OptionParameter<Value | undefined> {
  const read = (raw: unknown): Value | undefined => (typeof raw === 'string' ? parse(raw) : undefined)
  return { flags, description, read, isRequired: false, isRepeatable: false }
}

export function requiredOption<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
): OptionParameter<Value> {
  return { flags, description, read: (raw) => parse(String(raw)), isRequired: true, isRepeatable: false }
}

/** May be given several times; none is an empty list. */
export function repeatableOption<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
): OptionParameter<readonly Value[]> {
  const read = (raw: unknown): readonly Value[] => (Array.isArray(raw) ? raw.map(String).map(parse) : [])
  return { flags, description, read, isRequired: false, isRepeatable: true }
}

export function argument<Value>(
  name: string,
  description: string,
  parse: (text: string) => Value,
): ArgumentParameter<Value> {
  return { name: `<${name}>`, description, read: (raw) => parse(String(raw)) }
}

export function optionalArgument<Value>(
  name: string,
  description: string,
  parse: (text: string) => Value,
): ArgumentParameter<Value | undefined> {
  const read = (raw: unknown): Value | undefined => (typeof raw === 'string' ? parse(raw) : undefined)
  return { name: `[${name}]`, description, read }
}

export function variadicArgument<Value>(
  name: string,
  description: string,
  parse: (text: string) => Value,
): ArgumentParameter<readonly Value[]> {
  const read = (raw: unknown): readonly Value[] => (Array.isArray(raw) ? raw.map(String).map(parse) : [])
  return { name: `<${name}...>`, description, read }
}
