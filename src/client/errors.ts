/** What keeps a machine from doing what it was asked. `hint` tells a person the way out. */
export class MachineError extends Error {
  override readonly name = 'MachineError'
  readonly code: MachineErrorCode
  readonly hint: string | undefined

  constructor(
    code: MachineErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type MachineErrorCode =
  | 'MACHINE_MISSING' // the directory holds no machine
  | 'MACHINE_EXISTS' // the directory holds a machine already
  | 'MACHINE_BUSY' // another process works on this machine
  | 'MACHINE_INVALID' // the machine's own records are damaged
  | 'SETTINGS_INVALID' // what the machine was asked to follow is no channel, URL or set of modules
  | 'NOT_INSTALLED' // the machine has no root yet
  | 'NO_PREVIOUS_ROOT' // there is nothing to roll back to
  | 'ROOT_RUNNING' // the root that would be built anew is the one this system runs from
  | 'CHANNEL_MISSING' // the repository has no such channel
  | 'RELEASE_MISSING' // the repository has no such release
  | 'MODULE_MISSING' // the release does not have a module that this machine asks for
  | 'UPDATE_HELD' // the release exists, and this machine may not take it yet
  | 'UNTRUSTED' // what the server gave does not verify against the trusted root
  | 'METADATA_STALE' // the repository's metadata has expired: frozen, or not refreshed
  | 'SERVER_UNREACHABLE' // no answer, or none in time
  | 'SERVER_REFUSED' // an answer that is not what was asked for
  | 'SERVER_CERTIFICATE_INVALID' // no TLS: the server's certificate is not trusted, for another host, or expired
  | 'CLIENT_CERTIFICATE_REFUSED' // no TLS: the server wants a certificate of the client, or another one
  | 'PROXY_REFUSED' // the proxy wants credentials, or does not let this through
  | 'TLS_FILES_INVALID' // a CA file, a client certificate or its key cannot be used
  | 'HOOK_FAILED' // a program of the new root failed, took too long, or is not there
  | 'HOOKS_UNAVAILABLE' // this machine cannot run programs in a root
  | 'IMAGE_PLACE_INVALID' // where an image is to lie is missing, in use, or no file or block device
  | 'IMAGE_PLACE_TOO_SMALL' // a device has fewer bytes than the image
  | 'IMAGE_UNVERIFIED' // an image reads back otherwise than it was written
  | 'OBJECT_MISSING' // something the release needs is not there
  | 'OBJECT_CORRUPT' // something the release needs arrived with other bytes than it must have
