import type { Plane } from './plane.ts'
import { ProblemError, routeUnknown } from './problem.ts'

/** For routes that the operator did not switch on: there is nothing of that name, whatever is sent. */
export function absentPlane(owns: Plane['owns']): Plane {
  return {
    owns,
    checkBody: () => {
      const { message } = routeUnknown()
      throw new ProblemError('ROUTE_UNKNOWN', message, { headers: { Connection: 'close' } })
    },
    answer: () => Promise.reject(routeUnknown()),
  }
}
