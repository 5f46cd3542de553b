/** An archive or layout holds several images, or not the one that is asked for. `hint` tells a person the way out. */
export class ImageChoiceError extends Error {
  override readonly name = 'ImageChoiceError'
  readonly code: ImageChoiceErrorCode
  readonly hint: string

  constructor(code: ImageChoiceErrorCode, message: string, hint: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

export type ImageChoiceErrorCode =
  | 'IMAGE_UNKNOWN' // there is none of that name, or for that platform
  | 'IMAGE_UNCLEAR' // there are several, and nothing says which
