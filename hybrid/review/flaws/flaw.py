"""What a rule is told, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Logical id of a resource, and what is wrong with it.
Found = tuple[str, str]

_TWELVE_DIGITS = re.compile(r"(?<!\d)\d{12}(?!\d)")
_OWN = "${AWS::AccountId}"


@dataclass(frozen=True)
class Flaw:
    """A rule that a template breaks.

    Attributes:
        rule: its name.
        resource: logical id.
        sentence: what is wrong and what would be right.
    """

    rule: str
    resource: str
    sentence: str


@dataclass(frozen=True)
class Template:
    """A final template.

    Attributes:
        content: of the template.
        account: of the stack; None where it is open.
    """

    content: Mapping[str, Any]
    account: str | None

    def resources(self, *kinds: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Logical id, type and properties of the resources of some types; without any, of all."""
        for name, resource in self.content.get("Resources", {}).items():
            if not kinds or resource["Type"] in kinds:
                yield name, resource["Type"], resource.get("Properties", {})

    def is_own_account(self, value: Any) -> bool:
        """Whether a value is the account of the stack."""
        return text(value) in {_OWN, self.account}

    def strangers(self, value: Any) -> list[str]:
        """The accounts in a text, such as an ARN, that are not the stack's own."""
        return [account for account in _TWELVE_DIGITS.findall(text(value)) if account != self.account]


@dataclass(frozen=True)
class Rule:
    """A rule of this repository.

    Attributes:
        name: as the report of a synth has it.
        says: what it forbids, as a sentence for people.
        find: finds every resource that breaks it.
    """

    name: str
    says: str
    find: Callable[[Template], Iterator[Found]]


def text(value: Any) -> str:  # noqa: PLR0911 - a case for each function
    """A value of a template as a text; what is known only in the account stands in `${…}`."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, parts]} if isinstance(parts, list):
            return str(delimiter).join(text(part) for part in parts)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"${{{resource}.{attribute}}}"
        case {"Fn::Sub": [of, *_]} | {"Fn::Sub": of}:
            return str(of)
        case {"Fn::GetStackOutput": {"OutputName": output}}:
            return f"${{{output}}}"
        case {"Fn::ImportValue": name}:
            return f"${{{text(name)}}}"
    return json.dumps(value)


def listed(value: Any) -> list[Any]:
    """A value or several, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def nested(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping within a value, itself first; also of JSON that stands in it as a text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from nested(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nested(inner)


def statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every statement of the policies within a value."""
    for mapping in nested(value):
        for statement in listed(mapping.get("Statement")):
            if isinstance(statement, Mapping):
                yield statement


def condition_values(statement: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    """Operator and value of every condition of a statement on a key; keys of conditions know no case."""
    return [
        (operator, value)
        for operator, keys in (statement.get("Condition") or {}).items()
        for name, values in keys.items()
        if name.lower() == key.lower()
        for value in listed(values)
    ]
