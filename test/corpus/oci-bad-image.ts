import { join } from 'node:path'
import type { BadSource } from './bad-source.ts'
import { ImageMaker, makeImage } from './oci-maker.ts'
import type { MemberRecipe } from './tar-maker.ts'

export const zeros = `sha256:${'0'.repeat(64)}`

/** A layer that nothing is wrong with. */
export const good: readonly MemberRecipe[] = [{ path: 'etc/version', content: '1' }]

/** An image that is wrong in a way that only its documents show. */
export function badImage(
  name: string,
  make: (maker: ImageMaker) => unknown,
  code: string,
  ...says: readonly string[]
): BadSource {
  return {
    name,
    make: (at) => {
      make(new ImageMaker(join(at, 'image')))
      return `oci:${join(at, 'image')}`
    },
    code,
    says,
  }
}

/** An image whose members are wrong in its last layer. */
export function badLayer(
  name: string,
  layers: readonly (readonly MemberRecipe[])[],
  code: string,
  ...says: readonly string[]
): BadSource {
  return {
    name,
    make: (at) => `oci:${makeImage(join(at, 'image'), ...layers).directory}`,
    code,
    says,
  }
}
