import type { Server } from 'node:http'
import type { Logger } from 'pino'

const quietMs = 10_000

/** Says when connections are refused because there are too many, without a line for each of them. */
export function logRefusals(server: Server, logger: Logger): void {
  let refused = 0
  let spokeAt = -Infinity
  server.on('drop', () => {
    refused++
    if (performance.now() - spokeAt < quietMs) return
    logger.warn({ refused }, 'connections refused: too many are open')
    spokeAt = performance.now()
    refused = 0
  })
}
