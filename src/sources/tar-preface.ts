import { maxPathBytes } from '../../manifests/tree-path.ts'
import type { ByteReader } from './byte-reader.ts'
import type { SourceError, SourceErrorCode } from './errors.ts'
import {
  applyTextAcls,
  isGlobalKey,
  noAttributes,
  readAttribute,
  readGlobalAttribute,
  type PaxAttributes,
} from './pax-attributes.ts'
import { paxRecords, type PaxRecord } from './pax-records.ts'
import { blockBytes, isZero, untilNul, type TarHeader } from './tar-header.ts'
import { dataSizeOf } from './tar-member.ts'

/** What stands before a member's own header. */
export interface Preface {
  longName?: string
  longLink?: string
  pax?: PaxAttributes
}

/** More than 64 KiB of values, several times over, but not what an attacker may wish to have held in memory. */
const maxPaxBytes = 8 << 20

/** Makes the error for the archive that is being read. */
type MakeError = (code: SourceErrorCode, problem: string, cause?: unknown) => SourceError

/** Reads the headers that say something of later ones: extended ones of PAX, long names of GNU, volume labels. */
export class PrefaceReader {
  readonly #bytes: ByteReader
  readonly #error: MakeError
  /** What global headers said last, by key. */
  readonly #global = new Map<string, PaxRecord>()

  constructor(bytes: ByteReader, error: MakeError) {
    this.#bytes = bytes
    this.#error = error
  }

  /** What holds for a member with no extended header of its own. */
  globalAttributes(): PaxAttributes {
    const attributes = noAttributes()
    for (const record of this.#global.values()) readGlobalAttribute(attributes, record)
    return attributes
  }

  /** Takes what `header` says, with its data; false when it is a member's own. */
  async take(header: TarHeader, preface: Preface): Promise<boolean> {
    switch (header.type) {
      case 'L':
        if (preface.longName !== undefined) throw this.#twice('long names')
        preface.longName = await this.#longText(header)
        return true
      case 'K':
        if (preface.longLink !== undefined) throw this.#twice('long link texts')
        preface.longLink = await this.#longText(header)
        return true
      case 'x':
        if (preface.pax !== undefined) throw this.#twice('extended headers')
        preface.pax = await this.#paxAttributes(header)
        return true
      case 'g':
        await this.#addGlobal(header)
        return true
      case 'V':
        await this.#data(header, blockBytes, 'a volume label')
        return true
      default:
        return false
    }
  }

  /** GNU's: it ends with NUL, and nothing follows that. */
  async #longText(header: TarHeader): Promise<string> {
    const data = await this.#data(header, maxPathBytes + blockBytes, 'a long name')
    const text = untilNul(data)
    if (isZero(data.subarray(text.length))) return text
    throw this.#error(
      'SOURCE_REFUSED',
      `a long name goes on after a NUL byte, before byte ${this.#bytes.position}`,
    )
  }

  async #paxAttributes(header: TarHeader): Promise<PaxAttributes> {
    const data = await this.#data(header, maxPaxBytes, 'an extended header')
    return this.#attempt('extended header', () => {
      const attributes = noAttributes()
      for (const record of this.#global.values()) readGlobalAttribute(attributes, record)
      for (const record of paxRecords(data)) readAttribute(attributes, record)
      applyTextAcls(attributes)
      return attributes
    })
  }

  async #addGlobal(header: TarHeader): Promise<void> {
    const data = await this.#data(header, maxPaxBytes, 'a global header')
    this.#attempt('global header', () => {
      const probe = noAttributes()
      for (const { key, value } of paxRecords(data)) {
        const record = { key, value: Buffer.from(value) }
        readGlobalAttribute(probe, record)
        if (isGlobalKey(key)) this.#global.set(key, record)
      }
    })
  }

  /** A copy of a header's data, however the pieces came. */
  async #data(header: TarHeader, limit: number, what: string): Promise<Buffer> {
    const size = this.#sizeOf(header)
    if (size > limit) {
      throw this.#error(
        'SOURCE_TOO_LARGE',
        `${what} has ${size} bytes, before byte ${this.#bytes.position}; the limit is ${limit}`,
      )
    }
    const data = Buffer.from(await this.#bytes.read(size))
    const padding = (blockBytes - (size % blockBytes)) % blockBytes
    if (data.length < size || (await this.#bytes.skip(padding)) < padding) {
      throw this.#error('SOURCE_DAMAGED', `is cut off at byte ${this.#bytes.position}`)
    }
    return data
  }

  #sizeOf(header: TarHeader): number {
    try {
      return dataSizeOf(header)
    } catch (error) {
      throw this.#error('SOURCE_REFUSED', (error as Error).message, error)
    }
  }

  #attempt<R>(what: string, action: () => R): R {
    try {
      return action()
    } catch (error) {
      const problem = `the ${what} before byte ${this.#bytes.position} is refused: ${(error as Error).message}`
      throw this.#error('SOURCE_REFUSED', problem, error)
    }
  }

  #twice(what: string): SourceError {
    return this.#error(
      'SOURCE_REFUSED',
      `has two ${what} for one member, before byte ${this.#bytes.position}`,
    )
  }
}
