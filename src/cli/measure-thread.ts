import { parentPort, workerData } from 'node:worker_threads'
import { measureTrees } from './measure-trees.ts'

parentPort?.postMessage(measureTrees(workerData as readonly string[]))
