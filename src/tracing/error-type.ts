const code = /^[A-Z][A-Z0-9_]{0,63}$/

/** What kind of error it is, by the code or class that it has, of a bounded form. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string' && code.test(error.code)) return error.code
  return /^\w{1,64}$/.test(error.name) ? error.name : 'Error'
}
