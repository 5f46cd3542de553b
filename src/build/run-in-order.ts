interface OrderedTask {
  readonly name: string
  /** Names of tasks before it. */
  readonly needs: readonly string[]
}

/**
 * Runs each task after those it needs, `limit` at once at most, else in their order. After a failure none is started;
 * it is thrown once the others have ended.
 */
export async function runInOrder<Task extends OrderedTask>(
  tasks: readonly Task[],
  limit: number,
  run: (task: Task) => Promise<void>,
): Promise<void> {
  const left = [...tasks]
  const done = new Set<string>()
  const failures: unknown[] = []
  const running = new Set<Promise<void>>()
  const work = async (task: Task): Promise<void> => {
    try {
      await run(task)
      done.add(task.name)
    } catch (error) {
      failures.push(error)
    }
  }
  for (;;) {
    while (failures.length === 0 && running.size < limit) {
      const next = left.findIndex(({ needs }) => needs.every((need) => done.has(need)))
      const [task] = next === -1 ? [] : left.splice(next, 1)
      if (task === undefined) break
      const promise: Promise<void> = work(task).finally(() => running.delete(promise))
      running.add(promise)
    }
    if (running.size === 0) break
    await Promise.race(running)
  }
  if (failures.length > 0) throw failures[0]
}
