import { closeSync, constants, mkdirSync, openSync, readFileSync, statSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errnoOf } from '../../tree/errors.ts'
import { decodeDevice } from '../../tree/libc.ts'
import { MachineError } from '../errors.ts'

/** Where an image lies: a file of its own, or the beginning of a block device. */
export interface ImagePlace {
  readonly module: string
  /** Absolute. */
  readonly path: string
}

const sectorBytes = 512
const wayOut = '"vend-client image set" names other places'

/**
 * Makes sure that an image of so many bytes can be written to a place, and changes nothing. Throws IMAGE_PLACE_INVALID
 * and IMAGE_PLACE_TOO_SMALL.
 */
export function refuseUnfit(place: ImagePlace, bytes: number): void {
  const stats = statOf(place)
  if (stats === undefined) return refuseUnmakable(place)
  if (stats.isFile()) return
  if (!stats.isBlockDevice()) throw invalid(place, 'is neither a regular file nor a block device')
  const capacity = capacityOf(stats)
  if (capacity !== undefined && capacity < bytes) {
    throw new MachineError(
      'IMAGE_PLACE_TOO_SMALL',
      `${describe(place)} has ${capacity} bytes, and the image ${bytes}`,
      { hint: `${wayOut}; nothing was changed` },
    )
  }
}

/** Whether two paths lead to one file or device. */
export function isSamePlace(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }))
  if (first === undefined || second === undefined) return resolve(a) === resolve(b)
  if (first.isBlockDevice() && second.isBlockDevice()) return first.rdev === second.rdev
  return first.ino === second.ino && first.dev === second.dev
}

/**
 * Opens a place for reading and writing; a file is made if need be. A device is taken for us alone: not one that is
 * mounted.
 */
export function openForWriting(place: ImagePlace): { readonly fd: number; readonly isDevice: boolean } {
  const isDevice = statOf(place)?.isBlockDevice() === true
  try {
    if (!isDevice) mkdirSync(dirname(place.path), { recursive: true })
    const flags = constants.O_RDWR | (isDevice ? constants.O_EXCL : constants.O_CREAT)
    return { fd: openSync(place.path, flags, 0o600), isDevice }
  } catch (error) {
    throw unusable(place, error)
  }
}

/** Throws IMAGE_PLACE_INVALID where there is nothing of use. */
export function refuseMissing(place: ImagePlace): void {
  const fd = openIfThere(place)
  if (fd === undefined) throw invalid(place, 'is not there')
  closeSync(fd)
}

/** A descriptor for reading; undefined when nothing of use is there. */
export function openIfThere({ path }: ImagePlace): number | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = statSync(path)
    if (stats.isFile() || stats.isBlockDevice()) return fd
    closeSync(fd)
    return undefined
  } catch {
    return undefined
  }
}

function statOf(place: ImagePlace): Stats | undefined {
  try {
    return statSync(place.path, { throwIfNoEntry: false })
  } catch (error) {
    throw unusable(place, error)
  }
}

/** A file can be made; a device cannot, and what is below /dev is one. */
function refuseUnmakable(place: ImagePlace): void {
  if (place.path.startsWith('/dev/')) throw invalid(place, 'is not there')
}

/** Bytes; undefined where the kernel does not say. */
function capacityOf(stats: Stats): number | undefined {
  const { major, minor } = decodeDevice(BigInt(stats.rdev))
  try {
    return Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'utf8')) * sectorBytes
  } catch {
    return undefined
  }
}

function unusable(place: ImagePlace, error: unknown): MachineError {
  const why: ReadonlyMap<string | undefined, string> = new Map([
    ['EBUSY', 'is in use: mounted, or a part of something else'],
    ['ENOTDIR', 'lies below something that is no directory'],
    ['EACCES', 'may not be written to by this user'],
    ['EPERM', 'may not be written to by this user'],
    ['EROFS', 'is read-only'],
    ['ENXIO', 'has no device behind it'],
  ])
  return invalid(place, why.get(errnoOf(error)) ?? `cannot be used: ${String(error)}`, error)
}

function invalid(place: ImagePlace, problem: string, cause?: unknown): MachineError {
  return new MachineError('IMAGE_PLACE_INVALID', `${describe(place)} ${problem}`, {
    hint: `${wayOut}; the active root and its images are as they were`,
    cause,
  })
}

function describe({ module, path }: ImagePlace): string {
  return `${path}, the place for the image of the module ${module},`
}
