import { expect, test } from 'vitest'
import { RequestRates } from '../../../src/access/request-rates.ts'

test('a minute has as many requests as it may, evenly after the first of them', () => {
  let clock = 0
  const rates = new RequestRates(() => clock)
  const take = (subject = 'a'): unknown => rates.take(subject, 1, 60)
  for (let i = 0; i < 60; i++) expect(take()).toBeUndefined()
  expect(take()).toEqual({ waitSeconds: 1 })
  expect(take('b')).toBeUndefined()
  clock += 1000
  expect(take()).toBeUndefined()
  expect(take()).toEqual({ waitSeconds: 1 })
  clock += 30_000
  for (let i = 0; i < 30; i++) expect(take()).toBeUndefined()
  expect(take()).toEqual({ waitSeconds: 1 })
  clock += 3_600_000
  let taken = 0
  while (take() === undefined) taken++
  expect(taken).toBe(60)
})

test('none may be taken of nothing', () => {
  const rates = new RequestRates(() => 0)
  expect(rates.take('a', 1, 0)).toMatchObject({ waitSeconds: expect.any(Number) as number })
})
