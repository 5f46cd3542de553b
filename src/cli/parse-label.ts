/** A release's label: 1 to 200 characters of text (format §5). */
export function parseLabel(text: string): string {
  if (text === '') throw new Error('is empty; leave it out')
  if (text.length > 200) throw new Error(`is ${text.length} characters long; the limit is 200`)
  if (/\p{Cc}/u.test(text)) throw new Error('contains control characters')
  return text
}
