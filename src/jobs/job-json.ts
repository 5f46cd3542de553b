import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { Job, JobEvent, JobFailure, JobProgress } from './job.ts'

/** A job as the interface and `--json` tell it. */
export function jobJson({
  id,
  order,
  state,
  by,
  addedAt,
  startedAt,
  endedAt,
  failures,
  ...rest
}: Job): Readonly<Record<string, JsonValue>> {
  return {
    id,
    kind: order.kind,
    details: order.details,
    state,
    ...(by !== undefined && { by }),
    added: addedAt.toISOString(),
    ...(startedAt !== undefined && { started: startedAt.toISOString() }),
    ...(endedAt !== undefined && { ended: endedAt.toISOString() }),
    failures,
    ...(rest.progress !== undefined && { progress: progressJson(rest.progress) }),
    ...(rest.result !== undefined && { result: rest.result }),
    ...(rest.failure !== undefined && { error: failureJson(rest.failure) }),
  }
}

/** Without kind and id, which a stream says in its own way. */
export function eventJson(event: JobEvent): Readonly<Record<string, JsonValue>> {
  if (event.kind === 'progress') return progressJson(event.progress)
  if (event.kind === 'log') return { text: event.text }
  return {
    state: event.state,
    ...(event.result !== undefined && { result: event.result }),
    ...(event.failure !== undefined && { error: failureJson(event.failure) }),
  }
}

function progressJson({ title, done, total, unit, detail }: JobProgress): Record<string, JsonValue> {
  return {
    title,
    done,
    ...(total !== undefined && { total }),
    unit,
    ...(detail !== undefined && { detail }),
  }
}

function failureJson({ code, message, hint }: JobFailure): Record<string, JsonValue> {
  return { code, message, ...(hint !== undefined && { hint }) }
}
