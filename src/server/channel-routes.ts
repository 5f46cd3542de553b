import { Router } from 'express'
import type { Channel } from '../../manifests/channel.ts'
import { mapInOrder } from '../map-in-order.ts'
import { answerCostly, answerState, type StateContext, type StateRequest } from './answer-state.ts'
import { pathText } from './parameters.ts'

const documentsAtOnce = 8

export function channelRoutes(context: StateContext): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/v1/channels', answerCostly(context, listChannels))
  router.get('/v1/channels/:channel', answerState(context, showChannel))
  return router
}

async function listChannels({ repository, signal }: StateRequest): Promise<object> {
  const read = async (name: string): Promise<Channel> => repository.channel(name, { signal })
  return { channels: await Array.fromAsync(mapInOrder(repository.channelNames(), documentsAtOnce, read)) }
}

async function showChannel({ req, repository, signal }: StateRequest): Promise<object> {
  return repository.channel(pathText(req, 'channel'), { signal })
}
