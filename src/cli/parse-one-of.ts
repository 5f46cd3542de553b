import { quote } from './setting-parsers.ts'

/** A parser of one word out of a few; `what` is what they are: `a state`. */
export function parseOneOf<Word extends string>(
  what: string,
  words: readonly Word[],
): (text: string) => Word {
  return (text) => {
    const word = words.find((each) => each === text)
    if (word !== undefined) return word
    throw new Error(`${quote(text)} is not ${what}; write one of ${words.join(', ')}`)
  }
}
