import { resolve } from 'node:path'
import type { RequestHandler } from 'express'
import { middleware } from 'express-openapi-validator'
import { routeUnknown } from './problem.ts'

const description = resolve(import.meta.dirname, '../../openapi.yaml')

/** Holds every request against openapi.yaml and, in tests, every answer: what is not described does not exist. */
export function validateRequests(options: { readonly responses: boolean }): RequestHandler[] {
  const validators = middleware({
    apiSpec: description,
    validateRequests: { allowUnknownQueryParameters: false },
    validateResponses: options.responses,
    validateSecurity: false,
    fileUploader: false,
  })
  return [refuseTrailingSlash, ...validators]
}

/** The validator takes `/path/` for `/path`, which express does not. */
const refuseTrailingSlash: RequestHandler = (req, _res, next) => {
  if (req.path.endsWith('/')) throw routeUnknown()
  next()
}
