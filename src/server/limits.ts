/** What one stranger may take of the server. Sizes are in bytes, times in milliseconds. */
export interface ServerLimits {
  /** Request line and headers together; more is refused with 431. */
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** More is refused with 414. */
  readonly maxUrlBytes: number
  readonly maxQueryParameters: number
  /** From the first byte of a connection or request to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number
  /** How long a connection may wait for its next request. Longer than what proxies in front use. */
  readonly keepAliveTimeoutMs: number
  /** How long a response that was begun may stand still, whoever of client and store is slow. */
  readonly idleResponseTimeoutMs: number
  /** A response of n bytes may take n / minBytesPerSecond longer than that in all. */
  readonly minBytesPerSecond: number
  readonly maxConnections: number
  readonly maxRequestsPerSocket: number
  /** How many answers may be made out of manifests or many documents at once; more are refused with 503. */
  readonly maxCostlyReads: number
  /** From one address; more are refused with 429. A network of machines may share one. */
  readonly maxReportsPerMinute: number
  /** Wrong tokens from one address; then it is answered with 429 for the rest of the minute. */
  readonly maxWrongTokensPerMinute: number
  /** How long a server that is closing waits for the responses that were begun. */
  readonly shutdownGraceMs: number
}

export const defaultLimits: ServerLimits = {
  maxHeaderBytes: 16_384,
  maxHeaders: 64,
  maxUrlBytes: 8192,
  maxQueryParameters: 8,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 65_000,
  idleResponseTimeoutMs: 30_000,
  minBytesPerSecond: 1024,
  maxConnections: 10_000,
  maxRequestsPerSocket: 10_000,
  maxCostlyReads: 4,
  maxReportsPerMinute: 600,
  maxWrongTokensPerMinute: 60,
  shutdownGraceMs: 30_000,
}
