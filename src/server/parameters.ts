import type { Request } from 'express'
import { FormatError } from '../../manifests/errors.ts'
import { parseVersion } from '../../manifests/names.ts'
import { decodeCursor, type Cursor } from './cursor.ts'
import { ProblemError } from './problem.ts'

/** A parameter of the path, decoded. openapi.yaml says what it may be, and was checked already. */
export function pathText(req: Request, name: string): string {
  const value = req.params[name]
  return typeof value === 'string' ? value : ''
}

/** Throws REQUEST_INVALID on other spellings of a number: one release has one URL. */
export function pathVersion(req: Request, name: string): number {
  try {
    return parseVersion(pathText(req, name))
  } catch (error) {
    throw error instanceof FormatError ? new ProblemError('REQUEST_INVALID', error.message) : error
  }
}

export function queryText(req: Request, name: string): string | undefined {
  const value: unknown = req.query[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

export function queryNumber(req: Request, name: string): number | undefined {
  const text = queryText(req, name)
  return text === undefined ? undefined : Number(text)
}

export function queryCursor(req: Request): Cursor | undefined {
  const text = queryText(req, 'after')
  return text === undefined ? undefined : decodeCursor(text)
}
