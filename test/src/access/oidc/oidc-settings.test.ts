import { describe, expect, test } from 'vitest'
import { readOidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'

const good = `
issuers:
  - issuer: https://ci.example.com
    audience: vend
    rules:
      - claims: { repository: acme/os, ref_protected: true, run: 1 }
        name: ci {ref}
        grants:
          - { may: publish, modules: ["*"], channels: [nightly] }
        limits: { bytesPerDay: 1000 }
`

describe('the settings of OIDC', () => {
  test('have defaults for what is left out', () => {
    expect(readOidcSettings(good)).toEqual({
      issuers: [
        {
          issuer: 'https://ci.example.com',
          audience: 'vend',
          algorithms: ['RS256', 'ES256', 'EdDSA'],
          clockToleranceSeconds: 30,
          maxAgeSeconds: 3600,
          rules: [
            {
              claims: { repository: 'acme/os', ref_protected: true, run: 1 },
              name: 'ci {ref}',
              grants: [{ may: 'publish', modules: ['*'], channels: ['nightly'] }],
              limits: { bytesPerDay: 1000 },
            },
          ],
        },
      ],
    })
  })

  test.each<[string, string, RegExp]>([
    [
      'issuer: https://ci.example.com',
      'issuer: http://ci.example.com',
      /^issuers\.0\.issuer: is not an https/,
    ],
    ['issuer: https://ci.example.com', 'issuer: https://a:b@ci.example.com', /^issuers\.0\.issuer: /],
    ['https://ci.example.com', 'https://ci.example.com#x', /^issuers\.0\.issuer: has a query or a fragment/],
    ['audience: vend', 'audience: ""', /^issuers\.0\.audience: /],
    ['audience: vend', 'audiences: vend', /^issuers\.0(?:\.audience)?: /],
    ['audience: vend', 'audience: vend\n    algorithms: [HS256]', /^issuers\.0\.algorithms\.0: /],
    ['audience: vend', 'audience: vend\n    algorithms: [none]', /^issuers\.0\.algorithms\.0: /],
    ['audience: vend', 'audience: vend\n    maxAgeSeconds: 1e9', /^issuers\.0\.maxAgeSeconds: /],
    ['audience: vend', 'audience: vend\n    jwks: ftp://x', /^issuers\.0\.jwks: /],
    ['may: publish', 'may: rule', /^issuers\.0\.rules\.0\.grants\.0\.may: /],
    ['[nightly]', 'nightly', /^issuers\.0\.rules\.0\.grants\.0\.channels: /],
    ['[nightly]', '["Nightly!"]', /^issuers\.0\.rules\.0\.grants\.0\.channels\.0: is neither a name/],
    [
      '{ repository: acme/os, ref_protected: true, run: 1 }',
      '{}',
      /^issuers\.0\.rules\.0\.claims: lets everybody/,
    ],
    ['{ repository: acme/os, ref_protected: true, run: 1 }', '{ sub: "**" }', /claims: lets everybody in/],
    ['acme/os', '[acme/os]', /^issuers\.0\.rules\.0\.claims\.repository: /],
    ['bytesPerDay', 'bytesADay', /^issuers\.0\.rules\.0\.limits: .*bytesADay/],
    ['issuers:', 'issuers: [', /^is not YAML: /],
    ['issuers:', 'x: &a 1\ny: *a\nissuers:', /^(?:is not YAML|the file): /],
  ])('with %j as %j say where the mistake is', (before, after, problem) => {
    const problems = readOidcSettings(good.replace(before, after))
    expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(problem)]))
  })

  test('are not empty, and name an issuer once', () => {
    expect(readOidcSettings('')).toEqual([expect.stringMatching(/^the file: /)])
    expect(readOidcSettings('issuers: []')).toEqual([expect.stringMatching(/^issuers: /)])
    const twice = good + good.replace('\nissuers:\n', '')
    expect(readOidcSettings(twice)).toEqual(['issuers: names an issuer twice'])
  })
})
