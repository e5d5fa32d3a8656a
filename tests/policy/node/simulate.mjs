// Evaluates IAM requests, many in one process. Reads one JSON object from standard input, writes one.
//
//   in   {"documents": {ID: policy}, "requests": [request], "mutants": [{"replaces": ID, "by": policy,
//         "requests": [index, …]}]}
//   request  {"principal", "action", "resource", "account", "context", "identity": [ID], "boundary": [ID],
//             "resource_policy": ID or null, "allowed": boolean}
//   out  {"verdicts": [{"result", "by": [statement], "ignored": [context key], "error": text or null}],
//         "caught": [index of the first request whose verdict the mutant changes, or -1]}

import { readFileSync } from 'node:fs'
import { anonymousPrincipal, runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const ALLOW_ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const SERVICE_CONTROL = [{ orgIdentifier: 'r-root', policies: [{ name: 'FullAWSAccess', policy: ALLOW_ALL }] }]
const RESOURCE_CONTROL = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }]
}

function simulation(request, document) {
  const anonymous = request.principal === 'anonymous'
  const named = (ids) => ids.map((id) => ({ name: id, policy: document(id) }))
  return {
    request: {
      principal: anonymous ? anonymousPrincipal : request.principal,
      action: request.action,
      resource: { resource: request.resource, accountId: request.account },
      contextVariables: request.context
    },
    identityPolicies: named(request.identity),
    serviceControlPolicies: anonymous ? [] : SERVICE_CONTROL,
    resourceControlPolicies: [],
    resourcePolicy: request.resource_policy === null ? undefined : document(request.resource_policy),
    permissionBoundaryPolicies: request.boundary.length ? named(request.boundary) : undefined
  }
}

function decisive(analysis) {
  const parts = [analysis.identityAnalysis, analysis.resourceAnalysis].filter(Boolean)
  const statements = parts.flatMap((part) => [...(part.denyStatements ?? []), ...(part.allowStatements ?? [])])
  return statements.map((one) => one.statement?.sid?.() ?? one.explain?.identifier ?? '?')
}

async function verdict(request, document) {
  const answer = await runSimulation(simulation(request, document), {})
  if (answer.resultType === 'error') {
    return { result: 'Error', by: [], ignored: [], error: JSON.stringify(answer.errors) }
  }
  const results = answer.resultType === 'single' ? [answer.result] : answer.results
  const ignored = [...new Set(results.flatMap((one) => one.ignoredContextKeys ?? []))]
  // The validation of iam-simulate does not know the keys of an encryption context, which are the caller's
  // own words; its engine does.
  const free = ignored.length > 0 && ignored.every((key) => /^kms:EncryptionContext:/i.test(key))
  const engine = free && request.action.startsWith('kms:')
  return {
    result: engine ? unvalidated(request, document) : answer.overallResult,
    by: results.flatMap((one) => decisive(one.analysis)),
    ignored: engine ? [] : ignored,
    error: null
  }
}

function unvalidated(request, document) {
  const input = simulation(request, document)
  input.resourceControlPolicies = [
    { orgIdentifier: 'r-root', policies: [{ name: 'RCPFullAWSAccess', policy: RESOURCE_CONTROL }] }
  ]
  // Without validation the engine wants to know what a resource's policy is called.
  if (input.resourcePolicy !== undefined) {
    const metadata = { name: request.resource_policy }
    input.resourcePolicy = { __validated: true, policyDocument: input.resourcePolicy, metadata, errors: [] }
  }
  return runUnsafeSimulation(input, {})
}

const input = JSON.parse(readFileSync(0, 'utf8'))
const documents = input.documents
const verdicts = []
if (input.mutants === undefined) {
  for (const request of input.requests) verdicts.push(await verdict(request, (id) => documents[id]))
}
const caught = (input.mutants ?? []).map((mutant) => {
  const mutated = (id) => (id === mutant.replaces ? mutant.by : documents[id])
  return (
    mutant.requests.find((index) => {
      const request = input.requests[index]
      return (unvalidated(request, mutated) === 'Allowed') !== request.allowed
    }) ?? -1
  )
})
process.stdout.write(JSON.stringify({ verdicts, caught }))
