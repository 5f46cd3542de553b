import { byteStringFromText } from '../../manifests/tree-path.ts'

/** One character of UTF-8, or a byte that begins none; never a slash. */
const oneCharacter = '(?:[\\xc2-\\xf4][\\x80-\\xbf]{1,3}|[^/])'

/**
 * A glob from the root, as in `/usr/lib/**` + `/*.so.{1,2}`, as an expression for paths without the `/` at the
 * beginning, one character a byte: `*` and `?` stay within a name, `**` as a whole name is any number of them, `[a-z]`
 * and `[!a-z]` are one character, `{a,b}` either, and `\` takes what follows as it is.
 */
export function compileGlob(glob: string): RegExp {
  return new RegExp(`^${translate(byteStringFromText(glob.replace(/^\/+/, '').replace(/\/+$/, '')))}$`, 's')
}

/** Whether a glob, with or without a `!` before it, is one: `[z-a]` is nothing. */
export function isGlob(glob: string): boolean {
  try {
    compileGlob(glob.replace(/^!/, ''))
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function translate(glob: string): string {
  let expression = ''
  let depth = 0
  for (let i = 0; i < glob.length; i++) {
    const character = glob.charAt(i)
    const atStart = i === 0 || glob[i - 1] === '/'
    if (character === '\\') expression += literal(glob.charAt(++i))
    else if (atStart && glob.startsWith('**/', i)) {
      expression += '(?:[^/]+/)*'
      i += 2
    } else if (atStart && glob.slice(i) === '**') {
      expression += '.+'
      i += 1
    } else if (character === '*') expression += '[^/]*'
    else if (character === '?') expression += oneCharacter
    else if (character === '[' && glob.indexOf(']', i + 2) > 0) {
      const end = glob.indexOf(']', i + 2)
      expression += characterClass(glob.slice(i + 1, end))
      i = end
    } else if (character === '{' && glob.indexOf('}', i) > 0) {
      depth++
      expression += '(?:'
    } else if (character === '}' && depth > 0) {
      depth--
      expression += ')'
    } else if (character === ',' && depth > 0) expression += '|'
    else expression += literal(character)
  }
  return expression + ')'.repeat(depth)
}

function characterClass(inner: string): string {
  const isNegated = inner.startsWith('!') || inner.startsWith('^')
  const members = (isNegated ? inner.slice(1) : inner).replaceAll(/[\\\]^[]/g, '\\$&')
  return isNegated ? `[^/${members}]` : `(?!/)[${members}]`
}

function literal(character: string): string {
  return character.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
