import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AnswerProblem } from './answer-problem.ts'
import { isForDataPlane } from './data-plane.ts'
import { planeOf, type Plane } from './plane.ts'
import { useOriginForm } from './request-path.ts'

type Answer = (req: IncomingMessage, res: ServerResponse) => void

export interface Answers {
  /** What every request goes through, in this order; throws the problem of one that nobody is to answer. */
  readonly first: readonly Answer[]
  /** Rejects with the problem to answer with. */
  readonly dataPlane: (req: IncomingMessage, res: ServerResponse) => Promise<void>
  /** Asked in this order. */
  readonly planes: readonly Plane[]
  /** Answers its own problems. */
  readonly controlPlane: Answer
  readonly answerProblem: AnswerProblem
}

/**
 * Parts the two planes before express, which makes objects of its own of a request and its response: that alone takes
 * as long as the rest of a small answer, of which a machine asks for thousands.
 */
export function answerRequests(answers: Answers): RequestListener {
  const { first, dataPlane, planes, controlPlane, answerProblem } = answers
  return (req, res) => {
    const fail = (error: unknown): void => answerProblem(error, req, res)
    useOriginForm(req)
    try {
      for (const step of first) step(req, res)
    } catch (error) {
      fail(error)
      return
    }
    if (isForDataPlane(req)) {
      dataPlane(req, res).catch(fail)
      return
    }
    const plane = planeOf(planes, req)
    if (plane === undefined) controlPlane(req, res)
    else plane.answer(req, res).catch(fail)
  }
}
