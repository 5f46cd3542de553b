import { parentPort } from 'node:worker_threads'
import { makeBatch } from './make-batch.ts'
import type { BatchReply, BatchTask } from './pack-messages.ts'

/** The thread side of the pack pool: one batch at a time. */

parentPort?.on('message', (task: BatchTask) => {
  try {
    for (const reply of makeBatch(task)) post(reply)
    post({ kind: 'done' })
  } catch (error) {
    post({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})

function post(reply: BatchReply): void {
  parentPort?.postMessage(reply, reply.kind === 'group' ? [reply.group.bytes.buffer as ArrayBuffer] : [])
}
