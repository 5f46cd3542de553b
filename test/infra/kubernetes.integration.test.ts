import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js'
import type { CronJob } from 'kubernetes-types/batch/v1.js'
import type { PodTemplateSpec, Service } from 'kubernetes-types/core/v1.js'
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { settingsTable } from '../../src/cli/settings-table.ts'
import { hasProgram } from '../support/programs.ts'
import { typeErrors, type KubernetesObject } from './kubernetes-types.ts'

const directory = join(import.meta.dirname, '../../infra/kubernetes')
const files = readdirSync(directory).filter((name) => name !== 'kustomization.yaml')
const objects = files.flatMap((name) => {
  const documents = parseAllDocuments(readFileSync(join(directory, name), 'utf8'), { merge: true })
  if ('empty' in documents) return []
  return documents.map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS() as KubernetesObject
  })
})

interface Kinds {
  readonly Deployment: Deployment
  readonly CronJob: CronJob
  readonly Service: Service
  readonly Ingress: Ingress
  readonly NetworkPolicy: NetworkPolicy
  readonly HorizontalPodAutoscaler: HorizontalPodAutoscaler
  readonly PodDisruptionBudget: PodDisruptionBudget
}

function all<Kind extends keyof Kinds>(kind: Kind): readonly Kinds[Kind][] {
  return objects.filter((object) => object.kind === kind) as unknown as readonly Kinds[Kind][]
}

function only<Kind extends keyof Kinds>(kind: Kind): Kinds[Kind] {
  const [first, second] = all(kind)
  if (first === undefined || second !== undefined) throw new Error(`not one ${kind}`)
  return first
}

const deployments = all('Deployment')
const templates = [
  ...deployments.flatMap(({ spec }) => spec?.template ?? []),
  ...all('CronJob').flatMap(({ spec }) => spec?.jobTemplate.spec?.template ?? []),
]
const labelsOf = (template: PodTemplateSpec): Record<string, string> => template.metadata?.labels ?? {}

function matches(selector: Record<string, string> = {}, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value)
}

test('every object has the form that the API describes', async () => {
  expect(objects.length).toBeGreaterThan(12)
  expect(await typeErrors(objects)).toBe('')
})

test('what has another form would be told', async () => {
  const [deployment] = deployments
  const wrong = { ...deployment, spec: { ...deployment?.spec, replica: 2 } }
  expect(await typeErrors([wrong as unknown as KubernetesObject])).toContain('"replica"')
})

test('the list of files is whole, but for what is to be filled in', () => {
  const { resources } = parse(readFileSync(join(directory, 'kustomization.yaml'), 'utf8')) as {
    resources: string[]
  }
  expect([...resources, 'secrets.example.yaml'].sort()).toEqual(files.sort())
})

test.skipIf(!hasProgram('kubectl'))('kustomize makes one set of objects of it', () => {
  const built = execFileSync('kubectl', ['kustomize', directory], { encoding: 'utf8' })
  const names = (parseAllDocuments(built) as { toJS(): unknown }[]).map((document) => {
    const { kind, metadata } = document.toJS() as KubernetesObject
    if (kind !== 'Namespace') expect([kind, metadata.namespace]).toEqual([kind, 'vend'])
    return `${kind} ${metadata.name}`
  })
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBe(objects.filter(({ kind }) => kind !== 'Secret').length)
})

// https://kubernetes.io/docs/concepts/security/pod-security-standards/, "restricted".
test('pods keep to the strictest of the pod security standards', () => {
  expect(templates).toHaveLength(3)
  for (const { spec } of templates) {
    expect(spec).not.toHaveProperty('hostNetwork')
    expect(spec).not.toHaveProperty('hostPID')
    expect(spec).not.toHaveProperty('hostIPC')
    expect(spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(spec?.automountServiceAccountToken).toBe(false)
    for (const volume of spec?.volumes ?? []) {
      expect(['emptyDir', 'secret'].some((kind) => kind in volume)).toBe(true)
    }
    for (const container of spec?.containers ?? []) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(container.ports?.every(({ hostPort }) => hostPort === undefined) ?? true).toBe(true)
      expect(container.resources?.limits?.['memory']).toBeDefined()
      expect(container.resources?.requests?.['cpu']).toBeDefined()
    }
  }
})

test('what refers to another object finds it', () => {
  const ports = (labels: Record<string, string>): (string | undefined)[] =>
    templates
      .filter((template) => matches(labels, labelsOf(template)))
      .flatMap(({ spec }) => spec?.containers ?? [])
      .flatMap((container) => container.ports ?? [])
      .map(({ name }) => name)
  for (const { spec } of deployments) {
    expect(matches(spec?.selector.matchLabels, labelsOf(spec?.template ?? {}))).toBe(true)
  }
  const service = only('Service')
  for (const { targetPort } of service.spec?.ports ?? []) {
    expect(ports(service.spec?.selector ?? {})).toContain(targetPort)
  }
  const backends = only('Ingress').spec?.rules?.flatMap(({ http }) => http?.paths ?? [])
  expect(backends?.map(({ backend }) => backend.service)).toEqual([
    { name: service.metadata?.name, port: { name: service.spec?.ports?.[0]?.name } },
  ])
  for (const { spec } of all('PodDisruptionBudget')) {
    expect(templates.filter((one) => matches(spec?.selector?.matchLabels, labelsOf(one)))).toHaveLength(1)
  }
  const target = only('HorizontalPodAutoscaler').spec?.scaleTargetRef
  expect(deployments.map(({ metadata }) => metadata?.name)).toContain(target?.name)
  for (const { spec } of all('NetworkPolicy')) {
    const selected = spec?.podSelector.matchLabels ?? {}
    expect(templates.some((template) => matches(selected, labelsOf(template)))).toBe(true)
    for (const { port } of spec?.ingress?.flatMap((rule) => rule.ports ?? []) ?? []) {
      expect(ports(selected)).toContain(port)
    }
  }
  const known = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  for (const { spec } of templates) {
    expect(known).toContain(`ServiceAccount ${spec?.serviceAccountName}`)
    for (const volume of spec?.volumes ?? []) {
      if (volume.secret !== undefined) expect(known).toContain(`Secret ${volume.secret.secretName}`)
    }
    for (const { envFrom, volumeMounts } of spec?.containers ?? []) {
      for (const { configMapRef, secretRef } of envFrom ?? []) {
        expect(known).toContain(configMapRef ? `ConfigMap ${configMapRef.name}` : `Secret ${secretRef?.name}`)
      }
      const volumes = spec?.volumes?.map(({ name }) => name)
      for (const { name } of volumeMounts ?? []) expect(volumes).toContain(name)
    }
  }
})

test('settings are settings', () => {
  const known = Object.values(settingsTable).map(({ env }) => env)
  const text = files.map((name) => readFileSync(join(directory, name), 'utf8')).join('')
  const given = [...text.matchAll(/\bVEND_\w+/g)]
  expect(given.length).toBeGreaterThan(5)
  for (const [name] of given) expect(known).toContain(name)
})

test('front ends are asked whether they are alive and ready by the routes that say so', () => {
  const frontEnd = deployments.find(({ metadata }) => metadata?.name === 'front-end')
  const [container] = frontEnd?.spec?.template.spec?.containers ?? []
  expect(container?.livenessProbe?.httpGet?.path).toBe('/healthz')
  expect(container?.readinessProbe?.httpGet?.path).toBe('/readyz')
  const openapi = readFileSync(join(directory, '../../openapi.yaml'), 'utf8')
  for (const path of ['/healthz', '/readyz']) expect(openapi).toContain(`\n  ${path}:\n`)
})
