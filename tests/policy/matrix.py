"""The allow/deny matrix: rows that people read, as requests that the simulator decides on.

A file in matrix/ (or in a folder of it, for another estate) has sections; a section says `as` whom, and
lists what is `allowed` and what is `denied`: `what it tries: [action, resource]`, or with a third element,
the context. `{lake}` and its like stand for ARNs of the estate.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hybrid.review.assembly import Stack
from hybrid.review.policies import EstatePolicies, read_policies
from tests.policy.simulator import Request
from tests.policy.synthesis import stacks_of

MATRIX = Path(__file__).with_name("matrix")
FOREIGN_ACCOUNT = "999988887777"

#: Policies of a principal that is no role of the estate: everything its account can give it.
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

#: Policy of what belongs to others, the worst that there can be: an attacker's bucket takes what it gets, and
#: MWAA's queue lets the environment in. So only the role's own policy is between the estate and the world.
OPEN = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}

_ACCOUNT = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(\d{12}):")


@dataclass(frozen=True)
class Row:
    """A row of the matrix: its name, read aloud, and its request."""

    name: str
    request: Request


class Estate:
    """An estate of the tests: its policies by id, and the names that the matrix uses.

    Args:
        stacks: its stacks.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self.policies: EstatePolicies = read_policies(stacks)
        self.stack = stacks[0]
        self.documents: dict[str, Any] = {"everything": EVERYTHING}
        for role in self.policies.roles:
            self.documents |= {f"{role.name}/{name}": doc for name, doc in role.policies.items()}
            self.documents[role.arn] = role.trust
        self.documents |= {policy.arn: policy.document for policy in self.policies.resources}
        self.documents["open"] = OPEN
        self.documents["account decides"] = _account_decides(self.stack)
        self._account_of = dict.fromkeys(
            (policy.arn for policy in self.policies.resources), self.stack.account
        )
        self.placeholders = self._placeholders(stacks)

    def request(
        self, principal: str, action: str, resource: str, *, context: Mapping[str, Any], allowed: bool
    ) -> Request:
        """A request of a principal, with every document that has a say."""
        identity, boundary, arn = self._principal(principal)
        filled = {key: self._fill(value) for key, value in context.items()}
        resource = str(self._fill(resource))
        return Request(
            principal=arn,
            action=action,
            resource=resource,
            account=self._owner(resource),
            context={"aws:SecureTransport": "true", **filled},
            identity=identity,
            boundary=boundary,
            resource_policy=self._resource_policy(resource, action),
            allowed=allowed,
        )

    def _principal(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Ids of a principal's policies, of its boundary, and its ARN."""
        role = next((role for role in self.policies.roles if role.name == name), None)
        if role is None:
            return (("everything",) if name.startswith("arn:") else ()), (), name
        session = f"arn:{self.stack.partition}:sts::{self.stack.account}:assumed-role/{name}/session"
        # What the boundary says is its owner's matter; here it lets everything pass.
        boundary = ("everything",) if role.boundary else ()
        return tuple(f"{name}/{policy}" for policy in role.policies), boundary, session

    def _owner(self, resource: str) -> str:
        match = _ACCOUNT.match(resource)
        if match:
            return match.group(1)
        bucket = resource.partition("/")[0]
        return self.stack.account if resource == "*" or bucket in self._account_of else FOREIGN_ACCOUNT

    def _resource_policy(self, resource: str, action: str) -> str | None:
        """Id of the policy of a resource; what is not the estate's lets in whoever comes (see OPEN)."""
        if resource in self.documents:
            return resource
        bucket = resource.partition("/")[0]
        if ":s3:" in bucket and bucket in self.documents:
            return bucket
        if self._owner(resource) != self.stack.account:
            return "open"
        return "account decides" if ":kms:" in resource or action == "sts:AssumeRole" else None

    def _placeholders(self, stacks: Sequence[Stack]) -> dict[str, str]:
        place = f"{self.stack.region}:{self.stack.account}"
        partition = self.stack.partition
        found = {
            "ecs": f"arn:{partition}:ecs:{place}",
            "ssm": f"arn:{partition}:ssm:{place}",
            "logs": f"arn:{partition}:logs:{place}:log-group",
            "secrets": f"arn:{partition}:secretsmanager:{place}:secret",
            "iam": f"arn:{partition}:iam::{self.stack.account}",
            "images": f"arn:{partition}:ecr:{place}:repository/{_repository(stacks)}",
        }
        buckets = {
            "dags": "storage-dags",
            "lake": "storage-lake",
            "access_logs": "storage-accesslogs",
            "topic": "AlarmsTopic",
            "key": ":kms:",
        }
        for name, part in buckets.items():
            found[name] = next(policy.arn for policy in self.policies.resources if part in policy.arn)
        return found

    def _fill(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        return str(value).format(**self.placeholders)


def _account_decides(stack: Stack) -> dict[str, Any]:
    """What a key has where nobody wrote a policy, and a role that its account may take: IAM decides."""
    account = {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": account, "Action": "*", "Resource": "*"}],
    }


def _repository(stacks: Sequence[Stack]) -> str:
    return next(
        f"{stack.name}-{logical_id}".lower()
        for stack in stacks
        for logical_id, resource in stack.resources.items()
        if resource["Type"] == "AWS::ECR::Repository"
    )


@functools.cache
def estate(name: str) -> Estate:
    """An estate in estates/, synthesized once a session."""
    return Estate(stacks_of(name))


@dataclass(frozen=True)
class WrittenRow:
    """A row as people wrote it.

    Attributes:
        name: read aloud: who may, or may not, do what.
        principal: a role's name, a service, an ARN, or `anonymous`.
        cells: action, resource, and the context where there is one.
        allowed: what the matrix says.
    """

    name: str
    principal: str
    cells: list[Any]
    allowed: bool


def written_rows(folder: Path) -> list[WrittenRow]:
    """The rows of the files of a folder."""
    return [
        WrittenRow(f"{section['as']} {words} {name}", section["as"], cells, verdict == "allowed")
        for file in sorted(folder.glob("*.yaml"))
        for section in yaml.safe_load(file.read_text())["sections"]
        for verdict, words in (("allowed", "may"), ("denied", "may not"))
        for name, cells in section.get(verdict, {}).items()
    ]


def rows(name: str, folder: Path) -> list[Row]:
    """The rows of a folder as requests to an estate, in the words of its partition and Region."""
    place = estate(name)
    return [
        Row(
            row.name,
            place.request(
                _translated(row.principal, place.stack),
                *_translated(row.cells[:2], place.stack),
                context=_translated(row.cells[2], place.stack) if len(row.cells) > 2 else {},
                allowed=row.allowed,
            ),
        )
        for row in written_rows(folder)
    ]


def _translated(value: Any, stack: Stack) -> Any:
    """The rows are written for eu-west-1; in another partition the same things have other names."""
    if isinstance(value, list):
        return [_translated(item, stack) for item in value]
    if isinstance(value, dict):
        return {key: _translated(item, stack) for key, item in value.items()}
    text = str(value).replace("arn:aws:", f"arn:{stack.partition}:")
    endpoint = r"\.eu-west-1\.amazonaws\.com$"
    text = re.sub(endpoint, f".{stack.region}.{stack.url_suffix}", text)
    return text.replace("eu-west-1", stack.region)
