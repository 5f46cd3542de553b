/**
 * Inserts a value into the first `count` numbers, which ascend, unless it is there; of a full array the largest falls
 * out. Returns how many there are then.
 */
export function insertBelow(numbers: Uint32Array, count: number, value: number): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) < value) low = middle + 1
    else high = middle
  }
  if (low === numbers.length || (low < count && numbers[low] === value)) return count
  numbers.copyWithin(low + 1, low, Math.min(count, numbers.length - 1))
  numbers[low] = value
  return Math.min(count + 1, numbers.length)
}
