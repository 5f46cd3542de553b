const two32 = 2 ** 32

/** The 64 bits at `at`. Signed, and exact below 2^53 in size. */
export function readWord(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * two32
}

export function writeWord(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setInt32(at + 4, value >= 0 && value < two32 ? 0 : Math.floor(value / two32), true)
}
