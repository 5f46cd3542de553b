import { counterStream } from '../../support/byte-recipes.ts'

/** English-like lines: words of a small vocabulary, the usual ones often. */
export function sampleText(bytes: number, seed = 'text'): Buffer {
  const letters = counterStream('vocabulary', 4096)
  const words = Array.from({ length: 400 }, (_, i) =>
    Array.from({ length: 2 + (i % 9) }, (_unused, j) =>
      String.fromCharCode(97 + ((letters[i * 9 + j] ?? 0) % 26)),
    ).join(''),
  )
  const choices = counterStream(seed, bytes)
  let text = ''
  for (let i = 0; text.length < bytes; i++) {
    const choice = (choices[i] ?? 0) * ((choices[i + 1] ?? 0) % 8)
    text += `${words[choice % words.length] ?? ''}${i % 11 === 10 ? '.\n' : ' '}`
  }
  return Buffer.from(text.slice(0, bytes))
}

/** Text, noise, zeros and the same noise again: every kind of block, several windows, matches of all lengths. */
export function sampleMixture(): Buffer {
  const noise = counterStream('noise', 40_000)
  return Buffer.concat([sampleText(150_000), noise, Buffer.alloc(70_000), noise, sampleText(40_000, 'more')])
}
