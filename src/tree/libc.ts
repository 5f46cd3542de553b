import koffi from 'koffi'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import type { Mtime } from '../../manifests/entry.ts'

/**
 * The system calls that Node.js lacks. Paths are Buffers without a terminating NUL; their last component is never
 * followed. Each failing call throws a SystemCallError with the `code` (`ENODATA`, …) that node:fs would give it.
 */

/** A failed system call; `code` is spelled as in the errors of node:fs. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError'
  readonly code: string
  readonly errno: number
  readonly syscall: string

  constructor(syscall: string, errno: number) {
    const code = getSystemErrorName(-errno)
    super(`${code}: ${getSystemErrorMessage(-errno)}, ${syscall}`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
  }
}

type NativeFunction = (...args: readonly unknown[]) => unknown

const library = koffi.load(null)
const errnos = koffi.os.errno

const native = {
  llistxattr: declare('int64_t llistxattr(const void *path, void *list, size_t size)'),
  lgetxattr: declare('int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)'),
  lsetxattr: declare(
    'int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
  ),
  lremovexattr: declare('int lremovexattr(const void *path, const void *name)'),
  utimensat: declare('int utimensat(int directory, const void *path, const void *times, int flags)'),
  lseek: declare('int64_t lseek(int fd, int64_t offset, int whence)'),
  ioctl: declare('int ioctl(int fd, unsigned long request, ...)'),
  syncfs: declare('int syncfs(int fd)'),
  flock: declare('int flock(int fd, int operation)'),
  posixFadvise: find('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)'),
  mknod: find('int mknod(const void *path, uint32_t mode, uint64_t device)'),
  // Before glibc 2.33 mknod() was an inline function around this one.
  xmknod: find('int __xmknod(int version, const void *path, uint32_t mode, const void *device)'),
  renameat2: find(
    'int renameat2(int fromDirectory, const void *from, int toDirectory, const void *to, unsigned int flags)',
  ),
}

const currentDirectory = -100
const symlinkNoFollow = 0x100
const seekData = 3
const seekHole = 4
const cloneRequest = 0x4004_9409
const omitTime = 0x3fff_fffen
const renameExchangeFlag = 2
const lockExclusiveNonBlocking = 6
const adviceDontNeed = 4

// Most lists and values fit; a longer one costs a second call.
const usualBytes = 256

/** The names of all extended attributes the kernel lists, as bytes, in its order. ENOTSUP is thrown, not hidden. */
export function listXattrs(path: Uint8Array): Uint8Array[] {
  const list = readGrowing('llistxattr', (buffer, size) => native.llistxattr(terminated(path), buffer, size))
  const names: Uint8Array[] = []
  for (let start = 0; start < list.length;) {
    const end = list.indexOf(0, start)
    names.push(list.subarray(start, end))
    start = end + 1
  }
  return names
}

/** Throws ENODATA when the attribute is not there. */
export function getXattr(path: Uint8Array, name: Uint8Array): Uint8Array {
  const [p, n] = [terminated(path), terminated(name)]
  return readGrowing('lgetxattr', (buffer, size) => native.lgetxattr(p, n, buffer, size))
}

export function setXattr(path: Uint8Array, name: Uint8Array, value: Uint8Array): void {
  check('lsetxattr', native.lsetxattr(terminated(path), terminated(name), value, value.byteLength, 0))
}

export function removeXattr(path: Uint8Array, name: Uint8Array): void {
  check('lremovexattr', native.lremovexattr(terminated(path), terminated(name)))
}

/** Sets the mtime and leaves the atime. */
export function setMtime(path: Uint8Array, mtime: Mtime): void {
  const times = new BigInt64Array([0n, omitTime, BigInt(mtime.seconds), BigInt(mtime.nanos)])
  check('utimensat', native.utimensat(currentDirectory, terminated(path), times, symlinkNoFollow))
}

/** `mode` includes the file type (S_IFCHR, S_IFBLK, S_IFIFO); `device` is 0, 0 for a fifo. */
export function makeNode(path: Uint8Array, mode: number, device: { major: number; minor: number }): void {
  const encoded = encodeDevice(device)
  const result =
    native.mknod === undefined
      ? native.xmknod?.(0, terminated(path), mode, new BigUint64Array([encoded]))
      : native.mknod(terminated(path), mode, encoded)
  check('mknod', result)
}

/** The number that `stat` calls `rdev`. */
export function encodeDevice({ major, minor }: { major: number; minor: number }): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)]
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn)
}

export function decodeDevice(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  }
}

/** The offset of the first byte of data at or after `offset`, or undefined when there is only a hole left. */
export function seekDataFrom(fd: number, offset: number): number | undefined {
  const result = Number(native.lseek(fd, offset, seekData))
  if (result >= 0) return result
  const errno = koffi.errno()
  if (errno === errnos['ENXIO']) return undefined
  throw new SystemCallError('lseek', errno)
}

/** The offset of the first hole at or after `offset`; the end of the file counts as one. */
export function seekHoleFrom(fd: number, offset: number): number {
  return check('lseek', native.lseek(fd, offset, seekHole))
}

/**
 * Makes the empty file `to` share the storage of `from`. False when the file system cannot: the two lie on
 * different ones, or it has no reflinks.
 */
export function cloneFileContent(to: number, from: number): boolean {
  if (native.ioctl(to, cloneRequest, 'int', from) === 0) return true
  const error = new SystemCallError('ioctl', koffi.errno())
  if (cannotClone.has(error.code)) return false
  throw error
}

const cannotClone: ReadonlySet<string> = new Set(['ENOTSUP', 'ENOTTY', 'EXDEV', 'EINVAL', 'ENOSYS', 'EPERM'])

/** Writes everything that is pending on the file system `fd` lies on to its device. */
export function syncFileSystem(fd: number): void {
  check('syncfs', native.syncfs(fd))
}

/** What was read or written of an open file, and is on its device, is read from there next time; a hint. */
export function dropFromCache(fd: number): void {
  native.posixFadvise?.(fd, 0, 0, adviceDontNeed)
}

/** Takes the lock of an open file, which ends with its process; false when another process holds it. */
export function tryLockFile(fd: number): boolean {
  if (native.flock(fd, lockExclusiveNonBlocking) === 0) return true
  const errno = koffi.errno()
  if (errno === errnos['EWOULDBLOCK']) return false
  throw new SystemCallError('flock', errno)
}

/** Swaps two paths of one file system in one step. */
export function exchangePaths(a: Uint8Array, b: Uint8Array): void {
  const [from, to] = [terminated(a), terminated(b)]
  check('renameat2', native.renameat2?.(currentDirectory, from, currentDirectory, to, renameExchangeFlag))
}

function readGrowing(syscall: string, read: (buffer: Uint8Array, size: number) => unknown): Uint8Array {
  for (let buffer = Buffer.allocUnsafe(usualBytes); ;) {
    const length = Number(read(buffer, buffer.length))
    if (length >= 0) return buffer.subarray(0, length)
    const errno = koffi.errno()
    if (errno !== errnos['ERANGE']) throw new SystemCallError(syscall, errno)
    // It may grow again between the two calls.
    buffer = Buffer.allocUnsafe(check(syscall, read(buffer.subarray(0, 0), 0)) + usualBytes)
  }
}

function check(syscall: string, result: unknown): number {
  if (result === undefined) throw new SystemCallError(syscall, errnos['ENOSYS'] ?? 38)
  const number = Number(result)
  if (number >= 0) return number
  throw new SystemCallError(syscall, koffi.errno())
}

function terminated(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length + 1)
  copy.set(bytes)
  copy[bytes.length] = 0
  return copy
}

function declare(prototype: string): NativeFunction {
  return library.func(prototype) as NativeFunction
}

function find(prototype: string): NativeFunction | undefined {
  try {
    return declare(prototype)
  } catch {
    return undefined
  }
}
