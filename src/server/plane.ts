import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { AccessControl } from './access/access-control.ts'
import type { CurrentRepository } from './current-repository.ts'
import type { ServerLimits } from './limits.ts'
import type { TrustProxy } from './remote-of.ts'

/** Some paths, and what answers them: beside express, since their bodies are streams, or their answers never end. */
export interface Plane {
  /** Whether a request is for it, by its path alone. */
  owns(req: IncomingMessage): boolean
  /** Throws the problem of a body that is not to be read. Without it no request may have a body. */
  checkBody?(req: IncomingMessage): void
  /** Whether bodies of such a request may take long to arrive: then the plane cuts those that are slow. */
  guardsUploads?(req: IncomingMessage): boolean
  /** Rejects with the problem to answer with. */
  answer(req: IncomingMessage, res: ServerResponse): Promise<void>
  /** Called when all connections are closed, or the grace period is over. Resolves after so long at the latest. */
  close?(graceMs: number): Promise<void>
}

/** What the server has for each of its planes. */
export interface PlaneContext {
  readonly repository: CurrentRepository
  readonly access: AccessControl
  readonly limits: ServerLimits
  readonly logger: Logger
  readonly trust: TrustProxy
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

export type MakePlane = (context: PlaneContext) => Plane

export function planeOf(planes: readonly Plane[], req: IncomingMessage): Plane | undefined {
  return planes.find((plane) => plane.owns(req))
}
