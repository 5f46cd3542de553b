import { quote } from './setting-parsers.ts'

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** An amount of bytes: `500000`, `20MB`, `1.5 GiB`. */
export function parseBytes(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([kMG]?i?B|)$/.exec(text)
  const unit = match === null ? undefined : units[match[2] ?? '']
  if (match === null || unit === undefined) {
    throw new Error(`${quote(text)} is not an amount of bytes; write 500000, 20MB or 1.5GiB`)
  }
  return Math.floor(Number(match[1]) * unit)
}
