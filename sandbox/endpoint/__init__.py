"""The local ECS and SSM endpoint: what the embedded emulator lacks, and nothing more.

    python -m sandbox.endpoint --port 4567 --state .hybrid/site.json --emulator http://localhost:4566
    export AWS_ENDPOINT_URL_ECS=http://127.0.0.1:4567 AWS_ENDPOINT_URL_SSM=http://127.0.0.1:4567

Answered here: container instances, tasks, their attributes and tags (ECS); activations and managed nodes
(SSM). Everything else of the two services (clusters, task definitions, parameters, …) is passed on to the
emulator, where CloudFormation made it. Every request and answer of ours is held to botocore's service model.

Switches for demonstrations and tests, on the same port:

    GET    /_site/hosts                  hosts, connected or not
    POST   /_site/hosts/HOST/cut         cut a host off (mi-…, Fargate name or computer name)
    POST   /_site/hosts/HOST/mend        mend it
    POST   /_site/faults                 {"operation": "RunTask", "times": 2, "code": "ThrottlingException",
                                          "message": "Rate exceeded", "status": 400, "after": false}
    DELETE /_site/faults                 no more faults

With `"after": true` the operation takes effect and only its answer is lost.

What differs from AWS, besides speed:

- Permissions of callers are not checked: not of ECS and SSM operations answered here, nor iam:PassRole.
  That a host registers only with its Anywhere role's credentials is checked, the role's policy is not.
- A task definition has one container; `secrets` and `environmentFiles` are refused.
- An image must be on the machine: there is no registry. Else the task ends with CannotPullContainerError.
- FARGATE tasks run on a host of the endpoint's own, with the Docker network or process of that host.
- What of the agents' protocol is not imitated: docs/decisions/agent-protocol.md.

Start it together with hosts by `sandbox.site.LocalSite`.
"""

from sandbox.endpoint.server import Endpoint

__all__ = ["Endpoint"]
