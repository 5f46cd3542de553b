import type crypto from 'node:crypto'
import { hash, KeyObject } from 'node:crypto'

const maxRemembered = 20_000

/** Both as they are, but that the same question is answered from memory. */
export function rememberVerifications(
  verify: typeof crypto.verify,
  createPublicKey: typeof crypto.createPublicKey,
): Readonly<Record<'verify' | 'createPublicKey', unknown>> {
  const keys = new Map<string, KeyObject>()
  const names = new Map<KeyObject, string>()
  const answers = new Map<string, boolean>()
  return {
    createPublicKey: (source: Parameters<typeof createPublicKey>[0]): KeyObject => {
      const name = JSON.stringify(source)
      const known = keys.get(name)
      if (known !== undefined) return known
      const key = createPublicKey(source)
      if (source instanceof KeyObject) return key
      keys.set(name, key)
      names.set(key, name)
      return key
    },
    verify: (
      ...question: readonly [string | null, Uint8Array, KeyObject | { key: KeyObject }, Uint8Array]
    ) => {
      const [algorithm, data, key, signature] = question
      const name = names.get(key instanceof KeyObject ? key : key.key)
      if (name === undefined) return verify(algorithm, data, key, signature)
      const asked = `${hash('sha1', data)} ${Buffer.from(signature).toString('hex')} ${name}`
      const known = answers.get(asked)
      if (known !== undefined) return known
      const answer = verify(algorithm, data, key, signature)
      if (answers.size >= maxRemembered) answers.clear()
      answers.set(asked, answer)
      return answer
    },
  }
}
