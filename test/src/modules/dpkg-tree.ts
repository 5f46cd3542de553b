import { TreeRecipe } from '../../support/tree-recipe.ts'

export interface PackageRecipe {
  readonly version?: string
  readonly fields?: Readonly<Record<string, string>>
  /** Paths with a slash at the end are directories. */
  readonly files?: readonly string[]
}

/** A tree with packages that dpkg would know. */
export function dpkgTree(directory: string, packages: Readonly<Record<string, PackageRecipe>>): TreeRecipe {
  const tree = new TreeRecipe(directory)
  const status: string[] = []
  for (const [id, { version = '1', fields = {}, files = [] }] of Object.entries(packages)) {
    const [name = id, architecture = 'amd64'] = id.split(':')
    const more = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`)
    status.push(
      `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\nVersion: ${version}\n${more.join('')}`,
    )
    const paths = new Set(['/.'])
    for (const file of files) {
      const names = file.replace(/\/$/, '').split('/')
      for (let i = 1; i <= names.length; i++) paths.add(`/${names.slice(0, i).join('/')}`)
      if (file.endsWith('/')) tree.dir(file)
      else tree.file(file, `${id} has ${file}\n`)
    }
    const list = id.includes(':') ? id : name
    tree.file(`var/lib/dpkg/info/${list}.list`, `${[...paths].join('\n')}\n`)
  }
  tree.file('var/lib/dpkg/status', status.join('\n'))
  tree.file('var/lib/dpkg/arch', 'amd64\n')
  return tree
}
