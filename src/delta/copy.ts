/** `length` bytes of the target at `target` are made from the bytes of the basis at `basis`; offsets in bytes. */
export interface Copy {
  readonly target: number
  readonly basis: number
  readonly length: number
}
