/** As images name what they run on. */
export interface ImagePlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
}

const words: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }

/** This machine's; Linux, whatever it runs. */
export function platformHere(): ImagePlatform {
  return { os: 'linux', architecture: words[process.arch] ?? process.arch }
}

/** `linux/amd64` or `linux/arm/v7`. Throws an Error that says what is wrong as the end of a sentence. */
export function parseImagePlatform(text: string): ImagePlatform {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9]+))?$/.exec(text) ?? []
  if (os !== undefined && architecture !== undefined) return { os, architecture, variant }
  throw new Error(`${JSON.stringify(text)} is no platform; write linux/amd64 or linux/arm/v7`)
}

export function showPlatform({ os, architecture, variant }: ImagePlatform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** Whether something for `offered` will do; a variant counts only where both have one. */
export function isPlatform(offered: ImagePlatform, wanted: ImagePlatform): boolean {
  const isVariant =
    offered.variant === undefined || wanted.variant === undefined || offered.variant === wanted.variant
  return offered.os === wanted.os && offered.architecture === wanted.architecture && isVariant
}
