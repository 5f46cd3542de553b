import type { ServerResponse } from 'node:http'

/** Answers that are for one sender alone, and are never kept. */

export function sendJson(res: ServerResponse, document: object): void {
  send(res, 'application/json; charset=utf-8', Buffer.from(JSON.stringify(document)))
}

export function sendBytes(res: ServerResponse, bytes: Buffer): void {
  send(res, 'application/octet-stream', bytes)
}

function send(res: ServerResponse, contentType: string, body: Buffer): void {
  res.setHeader('Content-Type', contentType)
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Length', body.length)
  res.end(body)
}

export function sendNothing(res: ServerResponse): void {
  res.statusCode = 204
  res.setHeader('Cache-Control', 'no-store')
  res.end()
}
