import * as z from 'zod'
import { byteStringFromText, isTreePath, rootPath, type TreePath } from '../../manifests/tree-path.ts'

/** The path of one file from the root: no glob. */
export const imageField = z.string().transform((text, context): TreePath => {
  const path = text.startsWith('/') ? byteStringFromText(text.slice(1)) : rootPath
  if (isTreePath(path) && path !== rootPath && !/[*?[\]{}\\]/.test(text)) return path
  context.addIssue('is not the path of one file: write it from the root, as in /boot/vmlinuz-6.1')
  return z.NEVER
})
