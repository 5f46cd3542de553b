type Environment = Readonly<Record<string, string | undefined>>

/** Whether the standard's variables (OpenTelemetry: Environment Variable Specification) name a place for traces. */
export function wantsTracing(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false
  if (env['OTEL_TRACES_EXPORTER']?.toLowerCase() === 'none') return false
  return isGiven(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) || isGiven(env['OTEL_EXPORTER_OTLP_ENDPOINT'])
}

function isGiven(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== ''
}
