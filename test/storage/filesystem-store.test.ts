import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { describeBlobStore } from './blob-store-contract.ts'

describeBlobStore('FilesystemStore', async () => {
  const root = await mkdtemp(join(tmpdir(), 'vend-store-'))
  const store = new FilesystemStore(join(root, 'not', 'yet', 'there'))
  return { store, dispose: async () => rm(root, { recursive: true }) }
})
