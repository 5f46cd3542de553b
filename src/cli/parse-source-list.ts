import { quote } from './setting-parsers.ts'

/** `none`, or the URLs of stores and served repositories, separated by commas. */
export function parseSourceList(text: string): readonly string[] {
  if (text === 'none') return []
  const sources = text.split(',').map((source) => source.trim())
  const wrong = sources.find((source) => !/^(?:https?:\/\/|file:|s3:\/\/)\S+$/.test(source))
  if (wrong === undefined) return sources
  throw new Error(
    `${quote(wrong)} is no source; write https://host/path, s3://bucket/prefix or file:DIRECTORY`,
  )
}
