import { MemoryStore } from '../../storage/memory-store.ts'
import { describeBlobStore } from './blob-store-contract.ts'

describeBlobStore(
  'MemoryStore',
  async () => {
    const store = new MemoryStore()
    return { store, dispose: async () => store[Symbol.asyncDispose]() }
  },
  { many: 2_500 },
)
