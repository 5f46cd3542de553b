import type { ReportsStatus } from '../client/machine-reports.ts'
import type { Answer } from './output.ts'

/** What a machine tells of itself, or would, to the byte. */
export function answerOfReports({ isOn, url, example }: ReportsStatus): Answer {
  const state = isOn ? 'Reports are on.' : 'Reports are off: nothing is sent.'
  const what = isOn
    ? 'After each attempt at an update, whether it succeeded or failed, this machine sends'
    : 'With "vend-client reports on" this machine would send, after each attempt at an update,'
  const id = isOn ? 'The id is' : 'The id would be'
  return {
    json: { on: isOn, url, example },
    text: ({ bold }) =>
      `${bold(state)}\n${what}\n` +
      `\n  POST ${url}\n  ${example}\n\n` +
      `and nothing else; what failed also has its phase and error code ("phase":"fetch","outcome":"failed",\n` +
      `"code":"OBJECT_MISSING"). ${id} random, one for this channel, and used for nothing else. Servers keep no address\n` +
      `with it. A report that cannot be sent within seconds is dropped.\n`,
  }
}
