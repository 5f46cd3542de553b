import type { Grant } from './grant.ts'

/** How much one principal may take. What is left out is not limited. */
export interface AccessLimits {
  /** At each front end. */
  readonly requestsPerMinute?: number | undefined
  /** At all front ends together (src/access/usage.ts), by days of UTC. */
  readonly bytesPerDay?: number | undefined
}

/** Who sent a request, as far as he has proven it. */
export interface Principal {
  /** `token:<id>` or `oidc:<issuer>#<sub>`: never two for one, nor one for two. */
  readonly subject: string
  /** For people. */
  readonly name: string
  readonly grants: readonly Grant[]
  readonly limits: AccessLimits
  /** Until when it was proven for. */
  readonly expires: Date | undefined
}
