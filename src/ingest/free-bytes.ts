/**
 * Gives the memory of bytes back now. The collector would come by in its own time, and until then hundreds of
 * megabytes of used-up chunks would count as ours. The bytes must not be used any more.
 */
export function freeBytes(bytes: Uint8Array<ArrayBuffer>): void {
  bytes.buffer.transfer(0)
}
