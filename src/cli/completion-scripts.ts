import type { CompletionNode } from './completion-tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]

/** A script for the shell that completes the program's commands and options, and file names as their values. */
export function completionScript(shell: Shell, program: string, nodes: readonly CompletionNode[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(program, nodes)
    case 'zsh':
      return `#compdef ${program}\nautoload -Uz bashcompinit && bashcompinit\n${bashScript(program, nodes)}`
    case 'fish':
      return fishScript(program, nodes)
  }
}

function bashScript(program: string, nodes: readonly CompletionNode[]): string {
  const name = `_${program.replaceAll('-', '_')}`
  const cases = nodes.map(({ path, commands, options }) => {
    const flags = options.flatMap(({ names }) => names).join(' ')
    const values = options.flatMap(({ names, takesValue }) => (takesValue ? names : [])).join('|')
    const words = commands.map((command) => command.name).join(' ')
    const guard = values === '' ? '' : `\n      case "$previous" in ${values}) words='' flags='' ;; esac`
    return `    '${path}')\n      words='${words}' flags='${flags}'${guard}\n      ;;`
  })
  const paths = nodes.map(({ path }) => `'${path}'`).join('|')
  return `${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path='' next words='' flags='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in ${paths}) path="$next" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=()
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -F ${name} ${program}
`
}

function fishScript(program: string, nodes: readonly CompletionNode[]): string {
  const name = `__${program.replaceAll('-', '_')}`
  const paths = nodes.map(({ path }) => `'${path}'`).join(' ')
  const lines = nodes.flatMap(({ path, commands, options, takesArguments }) => {
    const head = `complete -c ${program} -n '${name}_at "${path}"'`
    return [
      ...(takesArguments ? [] : [`${head} -f`]),
      ...commands.map((command) => `${head} -a ${command.name} -d ${fishQuote(command.summary)}`),
      ...options.map(({ names, summary, takesValue }) => {
        const flags = names.map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        )
        return `${head} ${flags.join(' ')}${takesValue ? ' -r' : ''} -d ${fishQuote(summary)}`
      }),
    ]
  })
  return `function ${name}_at
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$path $word")
    contains -- $next ${paths}; and set path $next
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
