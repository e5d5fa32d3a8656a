"""Intrinsic functions of CloudFormation, resolved over all stacks of an estate without deploying any.

What only a deployment could know (a bucket's generated name, a key's id) gets a stand-in that is made from
stack and logical id, has the shape of the real thing, and is the same at every resolution; so two policies
that name the same resource still do, and two that name different ones still differ.

Source: AWS CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference";
the return values of Ref and Fn::GetAtt are those of each resource type's page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hybrid.review.assembly import Stack

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_LITERAL = re.compile(r"\$\{!([^}]*)\}")


class UnresolvedError(Exception):
    """A value uses something that this resolver does not know; the message names stack and value."""


class _NoValue:
    """What AWS::NoValue stands for: the property is absent."""


_NO_VALUE = _NoValue()


class Resolver:
    """Resolves values of the templates of some stacks.

    Args:
        stacks: every stack that may be referred to.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = {stack.name: stack for stack in stacks}
        self._exports = self._find_exports()
        self._functions: dict[str, Callable[[Stack, Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::ImportValue": self._import_value,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetStackOutput": self._get_stack_output,
        }

    def resolve(self, stack: Stack, value: Any) -> Any:
        """A value of a template with every intrinsic function resolved.

        Raises:
            UnresolvedError: the value refers to what no stack has, or uses an unknown function.
        """
        if isinstance(value, list):
            items = [self.resolve(stack, item) for item in value]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in self._functions:
                return self._functions[name](stack, argument)
            if name.startswith("Fn::"):
                raise UnresolvedError(f"{stack.name}: {name} is not an intrinsic function known here")
        resolved = {key: self.resolve(stack, item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def arn(self, stack: Stack, logical_id: str) -> str:
        """ARN of a resource of a stack."""
        return str(self._get_att(stack, [logical_id, "Arn"]))

    def _find_exports(self) -> dict[str, tuple[Stack, Any]]:
        return {
            str(output["Export"]["Name"]): (stack, output["Value"])
            for stack in self._stacks.values()
            for output in stack.template.get("Outputs", {}).values()
            if "Export" in output
        }

    def _ref(self, stack: Stack, name: str) -> Any:
        pseudo: dict[str, Any] = {
            "AWS::AccountId": stack.account,
            "AWS::Region": stack.region,
            "AWS::Partition": stack.partition,
            "AWS::URLSuffix": stack.url_suffix,
            "AWS::StackName": stack.name,
            "AWS::StackId": f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account}"
            f":stack/{stack.name}/{_uuid(stack.name)}",
            "AWS::NotificationARNs": [],
            "AWS::NoValue": _NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in stack.resources:
            return self._physical_id(stack, name)
        parameter = stack.template.get("Parameters", {}).get(name)
        if parameter is not None and "Default" in parameter:
            return parameter["Default"]
        raise UnresolvedError(f"{stack.name}: Ref {name} names no resource and no parameter with a default")

    def _physical_id(self, stack: Stack, logical_id: str) -> str:
        """What Ref gives: the physical name, or the ARN for the types whose Ref is one."""
        kind = stack.resources[logical_id]["Type"]
        if kind in _REF_IS_ARN:
            return str(self._get_att(stack, [logical_id, "Arn"]))
        return self._name(stack, logical_id)

    def _name(self, stack: Stack, logical_id: str) -> str:
        resource = stack.resources[logical_id]
        named = _NAME_PROPERTY.get(resource["Type"])
        given = resource.get("Properties", {}).get(named) if named else None
        if given is not None:
            return str(self.resolve(stack, given))
        if resource["Type"] == "AWS::KMS::Key":
            return _uuid(f"{stack.name}/{logical_id}")
        name = f"{stack.name}-{logical_id}"
        return name.lower() if resource["Type"] in _LOWER_CASE else name

    def _get_att(self, stack: Stack, argument: Sequence[str] | str) -> Any:
        parts: Sequence[Any] = argument.split(".", 1) if isinstance(argument, str) else argument
        logical_id, attribute = str(parts[0]), str(self.resolve(stack, parts[1]))
        if logical_id not in stack.resources:
            raise UnresolvedError(f"{stack.name}: Fn::GetAtt names {logical_id}, which is no resource of it")
        kind = stack.resources[logical_id]["Type"]
        if attribute in _ARN_ATTRIBUTES and kind in _ARN:
            return self._arn(stack, logical_id, kind)
        if attribute in _NAME_ATTRIBUTES:
            return self._name(stack, logical_id)
        if attribute in _ARN_ATTRIBUTES:
            raise UnresolvedError(
                f"{stack.name}: the shape of the ARN of a {kind} ({logical_id}) is not known here"
            )
        return f"{stack.name}-{logical_id}-{attribute}"

    def _arn(self, stack: Stack, logical_id: str, kind: str) -> str:
        properties = stack.resources[logical_id].get("Properties", {})
        path = self.resolve(stack, properties.get("Path", "/"))
        return _ARN[kind].format(
            partition=stack.partition,
            region=stack.region,
            account=stack.account,
            name=self._name(stack, logical_id),
            path=path,
            six=_digest(f"{stack.name}/{logical_id}")[:6],
        )

    def _sub(self, stack: Stack, argument: str | Sequence[Any]) -> str:
        parts: Sequence[Any] = [argument, {}] if isinstance(argument, str) else argument
        text, variables = parts[0], parts[1]

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in variables:
                return str(self.resolve(stack, variables[name]))
            return str(self._get_att(stack, name) if "." in name else self._ref(stack, name))

        return _LITERAL.sub(r"${\1}", _VARIABLE.sub(replace, text))

    def _join(self, stack: Stack, argument: Sequence[Any]) -> str:
        return str(argument[0]).join(str(item) for item in self.resolve(stack, argument[1]))

    def _select(self, stack: Stack, argument: Sequence[Any]) -> Any:
        items = self.resolve(stack, argument[1])
        try:
            return items[int(argument[0])]
        except IndexError as error:
            raise UnresolvedError(f"{stack.name}: Fn::Select {argument[0]} of {len(items)} items") from error

    def _split(self, stack: Stack, argument: Sequence[Any]) -> list[str]:
        return str(self.resolve(stack, argument[1])).split(argument[0])

    def _import_value(self, stack: Stack, argument: Any) -> Any:
        name = str(self.resolve(stack, argument))
        if name not in self._exports:
            raise UnresolvedError(
                f"{stack.name}: Fn::ImportValue {name} is exported by no stack of the estate"
            )
        exporter, value = self._exports[name]
        return self.resolve(exporter, value)

    def _get_stack_output(self, stack: Stack, argument: Mapping[str, Any]) -> Any:
        named, output = str(self.resolve(stack, argument["StackName"])), argument["OutputName"]
        other = self._stacks.get(named)
        if other is None or output not in other.template.get("Outputs", {}):
            raise UnresolvedError(f"{stack.name}: no stack {named} with an output {output} in the estate")
        return self.resolve(other, other.template["Outputs"][output]["Value"])

    def _if(self, stack: Stack, argument: Sequence[Any]) -> Any:
        holds = self._condition(stack, stack.template.get("Conditions", {})[argument[0]])
        return self.resolve(stack, argument[1 if holds else 2])

    def _condition(self, stack: Stack, condition: Mapping[str, Any]) -> bool:
        name, argument = next(iter(condition.items()))
        if name == "Fn::Equals":
            left, right = self.resolve(stack, argument)
            return bool(left == right)
        if name == "Condition":
            return self._condition(stack, stack.template["Conditions"][argument])
        results = [self._condition(stack, item) for item in argument]
        if name == "Fn::Not":
            return not results[0]
        if name in {"Fn::And", "Fn::Or"}:
            return all(results) if name == "Fn::And" else any(results)
        raise UnresolvedError(f"{stack.name}: {name} is not a condition function known here")

    def _find_in_map(self, stack: Stack, argument: Sequence[Any]) -> Any:
        name, top, second = (str(self.resolve(stack, part)) for part in argument[:3])
        try:
            return stack.template["Mappings"][name][top][second]
        except KeyError as error:
            raise UnresolvedError(f"{stack.name}: no {name}/{top}/{second} in Mappings") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _uuid(text: str) -> str:
    digits = _digest(text)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


_REF_IS_ARN = frozenset({"AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::ECS::TaskDefinition"})
_LOWER_CASE = frozenset({"AWS::S3::Bucket", "AWS::ECR::Repository"})
_ARN_ATTRIBUTES = frozenset({"Arn", "TopicArn", "TaskDefinitionArn", "LogGroupArn"})
_NAME_ATTRIBUTES = frozenset({"Name", "RoleId", "KeyId", "TopicName", "QueueName", "RepositoryName"})

_NAME_PROPERTY = {
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::MWAA::Environment": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
}

_ARN = {
    "AWS::CloudWatch::Alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::EC2::VPC": "arn:{partition}:ec2:{region}:{account}:vpc/{name}",
    "AWS::ECR::Repository": "arn:{partition}:ecr:{region}:{account}:repository/{name}",
    "AWS::ECS::Cluster": "arn:{partition}:ecs:{region}:{account}:cluster/{name}",
    "AWS::ECS::TaskDefinition": "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy{path}{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role{path}{name}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::MWAA::Environment": "arn:{partition}:airflow:{region}:{account}:environment/{name}",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{six}",
}
