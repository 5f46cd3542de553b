import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'

/** One operation of openapi.yaml. */
export interface DescribedRoute {
  readonly operationId: string
  readonly method: string
  readonly path: string
  /** The names of the schemes of which one is needed. */
  readonly security: readonly string[]
  /** As it says in `x-vend-grant`. */
  readonly grant: string | undefined
  readonly statuses: readonly string[]
}

interface Operation {
  readonly operationId: string
  readonly security?: readonly Readonly<Record<string, unknown>>[]
  readonly 'x-vend-grant'?: string
  readonly responses: object
}

const methods = new Set(['get', 'head', 'post', 'put', 'patch', 'delete'])

export function describedRoutes(): DescribedRoute[] {
  const text = readFileSync(resolve(import.meta.dirname, '../../../../openapi.yaml'), 'utf8')
  const { paths } = parse(text) as { paths: Record<string, Record<string, Operation>> }
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => methods.has(method))
      .map(([method, { operationId, security = [], responses, 'x-vend-grant': grant }]) => ({
        operationId,
        method: method.toUpperCase(),
        path,
        security: security.flatMap((one) => Object.keys(one)),
        grant,
        statuses: Object.keys(responses),
      })),
  )
}
