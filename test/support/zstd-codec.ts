import { createRequire } from 'node:module'

interface ZstdCodec {
  readonly ZstdCodec: { run(ready: (zstd: { readonly Simple: new () => Simple }) => void): void }
}

interface Simple {
  /** Null when the bytes are not one frame that names its content size. */
  decompress(frame: Uint8Array): Uint8Array | null
}

/** A decoder that shares no code with Node's: it is another build of zstd, in WebAssembly, from another package. */
export function openIndependentDecoder(): Promise<Simple> {
  const { ZstdCodec } = createRequire(import.meta.url)('zstd-codec') as ZstdCodec
  return new Promise((resolve) => {
    ZstdCodec.run((zstd) => resolve(new zstd.Simple()))
  })
}
