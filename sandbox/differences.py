"""Every difference between the local site and a real account: one table, and what makes it so.

The demo deploys the very templates of `cdk synth`. What the emulator lacks is left out of a copy of them
by `localize`, and only by it; docs/reference/differences.md is generated from this module
(`bin/hybrid demo differences`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Template = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as in an account.

    Attributes:
        what: the thing.
        in_aws: how it is there.
        here: how it is on this machine.
        proven_by: what shows that the real one is right, or that only an account can.
    """

    what: str
    in_aws: str
    here: str
    proven_by: str


_TEMPLATE = "assertions and rules on the synthesized template (tests/synth)"
_ACCOUNT = "only an account can"

#: Resource types that the emulator refuses or cannot make: left out of the local copy of the templates.
LEFT_OUT: dict[str, Difference] = {
    "AWS::MWAA::Environment": Difference(
        "AWS::MWAA::Environment",
        "Amazon MWAA runs Airflow",
        "the services of the same version on PostgreSQL; DAGs and plugins.zip from the same bucket",
        f"{_TEMPLATE}; that MWAA accepts it, {_ACCOUNT}",
    ),
    "AWS::EC2::EIP": Difference("AWS::EC2::EIP", "address of a NAT gateway", "none", _TEMPLATE),
    "AWS::EC2::NatGateway": Difference("AWS::EC2::NatGateway", "egress of the VPC", "none", _TEMPLATE),
    "AWS::EC2::FlowLog": Difference("AWS::EC2::FlowLog", "flow log of the VPC", "none", _TEMPLATE),
    "AWS::EC2::SecurityGroupIngress": Difference(
        "AWS::EC2::SecurityGroupIngress", "rules between security groups", "none", _TEMPLATE
    ),
    "AWS::EC2::SecurityGroupEgress": Difference(
        "AWS::EC2::SecurityGroupEgress", "rules between security groups", "none", _TEMPLATE
    ),
    "AWS::Lambda::Function": Difference(
        "AWS::Lambda::Function, AWS::Lambda::LayerVersion, custom resources",
        "the CDK's functions copy files to the DAG bucket and empty the default security group",
        "the demo copies the same published assets to the same keys; the default group stays",
        f"the landed objects (tests/e2e) and {_TEMPLATE}",
    ),
}
_LIKE_FUNCTIONS = ("AWS::Lambda::LayerVersion",)

#: What differs without a change of the templates.
BEHAVIOUR: tuple[Difference, ...] = (
    Difference(
        "ECS RunTask and container instances, SSM activations",
        "the services, and the ECS and SSM agents on the host",
        "an endpoint of ours (sandbox/endpoint), which speaks the agents' own protocol, and an agent of ours "
        "(sandbox/agent)",
        "every request and answer is checked against botocore's service model (tests/sandbox/local); the "
        "real ECS agent runs against it, where somebody has built one "
        "(tests/sandbox/local/test_agent_binary.py)",
    ),
    Difference(
        "Tasks without a Docker engine",
        "containers",
        "the same entry point as a process, said at the start of the demo; user, memory limit and read-only "
        "root file system of the task definition do not apply to it",
        "the end-to-end test runs in both modes (tests/e2e)",
    ),
    Difference(
        "Image registry",
        "pushed to ECR, pulled by each host",
        "built on this machine under the same name and tag; nothing is pushed or pulled",
        f"the push is documented in docs/deploy; {_ACCOUNT} show the pull",
    ),
    Difference(
        "Fargate",
        "a micro VM for each task, with a network interface of its own",
        "a host of the local site, with the task definition's own limits, on this machine's processor",
        f"{_TEMPLATE}; the isolation itself, {_ACCOUNT}",
    ),
    Difference(
        "Permissions of callers of ECS and SSM",
        "each call is checked against the caller's policies",
        "the local endpoint asks a host for its Anywhere role's keys and checks no policy",
        "IAM simulation over the synthesized templates (tests/policy)",
    ),
    Difference(
        "A host that is cut off",
        "the line is silent until time-outs run out",
        "the relay through which its containers reach AWS resets; the database stays in reach",
        "the fault tests (tests/e2e)",
    ),
    Difference(
        "A host that is deregistered",
        "its tasks go on as orphans",
        "its tasks are stopped",
        _ACCOUNT,
    ),
    Difference(
        "Addresses of AWS",
        "the Region's endpoints, TLS",
        "`AWS_ENDPOINT_URL` in the environment of each process and container, plain HTTP on this machine",
        f"the TLS-only bucket policies by {_TEMPLATE}",
    ),
    Difference(
        "Credentials of the caller",
        "yours",
        "`test`/`test`, which the emulator takes for the account's root",
        "the roles by the policy tests (tests/policy)",
    ),
    Difference(
        "KMS encryption of objects, lifecycle rules, bucket logging, tags of S3",
        "in force",
        "accepted by the emulator and dropped",
        f"{_TEMPLATE}; in force, {_ACCOUNT} show it",
    ),
    Difference(
        "A secret that nobody has filled",
        "has no version, so `sources list` says that it is empty",
        "has an empty version, so `sources list` says that it is filled",
        "tests/fleet, which take that version away",
    ),
    Difference(
        "IAM",
        "in force everywhere",
        "in force in the enforcement test only (AUTH=true); iam:PassRole is never checked by the emulator",
        "IAM simulation over the synthesized templates (tests/policy)",
    ),
    Difference(
        "Overwriting of a data file",
        "refused by the task role, by the condition keys of conditional writes",
        "S3's own check (If-None-Match) is in force; the emulator knows neither condition key, and the "
        "enforcement test adds both to it",
        "the enforcement test and IAM simulation (tests/policy)",
    ),
    Difference(
        "Python of Airflow",
        "3.12 on MWAA",
        "the Python that made the project's environment",
        f"{_ACCOUNT}; nothing here ran on 3.12",
    ),
)


def differences() -> tuple[Difference, ...]:
    """All differences: first what is left out of the templates, then what behaves otherwise."""
    return (*LEFT_OUT.values(), *BEHAVIOUR)


def table() -> str:
    """The differences as a Markdown table."""
    lines = ["| what | in an account | on this machine | proven by |", "|---|---|---|---|"]
    lines += [f"| {d.what} | {d.in_aws} | {d.here} | {d.proven_by} |" for d in differences()]
    return "\n".join(lines) + "\n"


def is_left_out(resource: dict[str, Any]) -> bool:
    """Whether the emulator cannot make a resource of this type."""
    kind = resource["Type"]
    return (
        kind in LEFT_OUT
        or kind in _LIKE_FUNCTIONS
        or kind.startswith(("Custom::", "AWS::CloudFormation::Custom"))
    )


def localize(template: Template) -> Template:
    """A copy of a template without what the emulator cannot make, and without what needs that.

    A resource that refers to one left out goes as well, with its outputs; a mere `DependsOn` is dropped.
    """
    resources: dict[str, Any] = template.get("Resources", {})
    gone = {name for name, resource in resources.items() if is_left_out(resource)}
    while more := {
        name
        for name, resource in resources.items()
        if name not in gone and gone & set(references(resource.get("Properties", {})))
    }:
        gone |= more
    kept = {
        name: _without_dependence(resource, gone) for name, resource in resources.items() if name not in gone
    }
    outputs = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if not gone & set(references(output))
    }
    return {**template, "Resources": kept, "Outputs": outputs}


def references(value: Any) -> Iterator[str]:
    """Logical ids that a value of a template refers to, by Ref, GetAtt or Sub."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
            elif key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
                yield from references(inner)
            else:
                yield from references(inner)


def _without_dependence(resource: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    if "DependsOn" not in resource:
        return resource
    wanted = resource["DependsOn"]
    names = [name for name in ([wanted] if isinstance(wanted, str) else wanted) if name not in gone]
    rest = {key: value for key, value in resource.items() if key != "DependsOn"}
    return {**rest, "DependsOn": names} if names else rest
