"""The IAM policies of an estate, read from its templates: roles with their trust, and resource policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hybrid.review.assembly import Stack
from hybrid.review.intrinsics import Resolver

#: A policy document, its intrinsic functions resolved.
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """A role and all that is attached to it.

    Attributes:
        stack: name of the stack that owns it.
        logical_id: its logical id there.
        name: role name.
        arn: its ARN.
        trust: who may take it.
        policies: policy name → document, inline and attached alike.
        managed: ARNs of AWS's managed policies.
        boundary: ARN of the permissions boundary.
    """

    stack: str
    logical_id: str
    name: str
    arn: str
    trust: Document = field(repr=False)
    policies: Mapping[str, Document] = field(repr=False)
    managed: tuple[str, ...] = ()
    boundary: str | None = None

    @property
    def path(self) -> str:
        """IAM path, with a slash at both ends."""
        return self.arn.partition(":role")[2].removesuffix(self.name)


@dataclass(frozen=True)
class ResourcePolicy:
    """The policy of a resource.

    Attributes:
        stack: name of the stack that owns it.
        kind: CloudFormation type of the resource.
        name: physical name of the resource, or its stand-in.
        arn: ARN of the resource.
        document: the policy.
    """

    stack: str
    kind: str
    name: str
    arn: str
    document: Document = field(repr=False)


@dataclass(frozen=True)
class EstatePolicies:
    """Every policy of an estate.

    Attributes:
        roles: its roles, by name.
        resources: the policies of its resources.
    """

    roles: tuple[Role, ...]
    resources: tuple[ResourcePolicy, ...]

    def role(self, name: str) -> Role:
        """The role of a name.

        Raises:
            KeyError: there is none; the message lists what there is.
        """
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(f"no role {name}; the roles are {', '.join(role.name for role in self.roles)}")

    def resource_policy(self, arn: str) -> Document | None:
        """The policy of the resource that an ARN names or lies in, None without one."""
        for policy in self.resources:
            if arn == policy.arn or (":s3:" in policy.arn and arn.startswith(f"{policy.arn}/")):
                return policy.document
        return next((role.trust for role in self.roles if role.arn == arn), None)


def read_policies(stacks: Sequence[Stack]) -> EstatePolicies:
    """Every role and resource policy of some stacks.

    Raises:
        UnresolvedError: a policy refers to what no stack has.
    """
    resolver = Resolver(stacks)
    attached = _Attachments(resolver, stacks)
    roles = [
        attached.role(stack, logical_id, resource)
        for stack in stacks
        for logical_id, resource in stack.resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    resources = [policy for stack in stacks for policy in _resource_policies(resolver, stack)]
    return EstatePolicies(
        roles=tuple(sorted(roles, key=lambda role: (role.name, role.stack))),
        resources=tuple(sorted(resources, key=lambda policy: (policy.kind, policy.arn))),
    )


def statements(document: Document) -> list[Mapping[str, Any]]:
    """The statements of a policy document, which may have one without a list around it."""
    found = document.get("Statement", [])
    return [found] if isinstance(found, Mapping) else list(found)


def as_list(value: Any) -> list[Any]:
    """A value of a policy, which may be one thing or a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


class _Attachments:
    """Which policies stand outside of the roles that they are attached to."""

    def __init__(self, resolver: Resolver, stacks: Sequence[Stack]) -> None:
        self._resolver = resolver
        self._by_role: dict[str, dict[str, Document]] = {}
        self._managed: dict[str, Document] = {}
        for stack in stacks:
            for logical_id, resource in stack.resources.items():
                if resource["Type"] in {
                    "AWS::IAM::Policy",
                    "AWS::IAM::ManagedPolicy",
                    "AWS::IAM::RolePolicy",
                }:
                    self._read(stack, logical_id, resource)

    def _read(self, stack: Stack, logical_id: str, resource: Mapping[str, Any]) -> None:
        properties = self._resolver.resolve(stack, resource["Properties"])
        document = properties["PolicyDocument"]
        name = properties.get("PolicyName", logical_id)
        roles = [*properties.get("Roles", []), *as_list(properties.get("RoleName"))]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            self._managed[self._resolver.arn(stack, logical_id)] = document
        for role in roles:
            self._by_role.setdefault(role, {})[name] = document

    def role(self, stack: Stack, logical_id: str, resource: Mapping[str, Any]) -> Role:
        """A role with what is attached to it."""
        properties = self._resolver.resolve(stack, resource.get("Properties", {}))
        name = str(self._resolver.resolve(stack, {"Ref": logical_id}))
        policies = {
            policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])
        }
        policies |= self._by_role.get(name, {})
        managed = properties.get("ManagedPolicyArns", [])
        policies |= {arn: self._managed[arn] for arn in managed if arn in self._managed}
        return Role(
            stack=stack.name,
            logical_id=logical_id,
            name=name,
            arn=self._resolver.arn(stack, logical_id),
            trust=properties["AssumeRolePolicyDocument"],
            policies=policies,
            managed=tuple(arn for arn in managed if arn not in self._managed),
            boundary=properties.get("PermissionsBoundary"),
        )


#: Types whose policy is a property of their own: type → property.
_OWN_POLICY = {
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
}


def _resource_policies(resolver: Resolver, stack: Stack) -> Iterable[ResourcePolicy]:
    for logical_id, resource in stack.resources.items():
        kind = resource["Type"]
        properties = resource.get("Properties", {})
        if kind in _OWN_POLICY and _OWN_POLICY[kind] in properties:
            yield ResourcePolicy(
                stack=stack.name,
                kind=kind,
                name=str(resolver.resolve(stack, {"Ref": logical_id})),
                arn=resolver.arn(stack, logical_id),
                document=resolver.resolve(stack, properties[_OWN_POLICY[kind]]),
            )
        elif kind == "AWS::S3::BucketPolicy":
            bucket = str(resolver.resolve(stack, properties["Bucket"]))
            yield ResourcePolicy(
                stack=stack.name,
                kind="AWS::S3::Bucket",
                name=bucket,
                arn=f"arn:{stack.partition}:s3:::{bucket}",
                document=resolver.resolve(stack, properties["PolicyDocument"]),
            )
        elif kind == "AWS::SNS::TopicPolicy":
            for topic in resolver.resolve(stack, properties["Topics"]):
                yield ResourcePolicy(
                    stack=stack.name,
                    kind="AWS::SNS::Topic",
                    name=str(topic).rpartition(":")[2],
                    arn=str(topic),
                    document=resolver.resolve(stack, properties["PolicyDocument"]),
                )
        elif kind == "AWS::EC2::VPCEndpoint" and "PolicyDocument" in properties:
            yield ResourcePolicy(
                stack=stack.name,
                kind=kind,
                name=logical_id,
                arn=f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:vpc-endpoint/{logical_id}",
                document=resolver.resolve(stack, properties["PolicyDocument"]),
            )
