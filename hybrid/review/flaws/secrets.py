"""Secrets: none in clear text, none under a key that the estate does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hybrid.estate.airflow_options import option_problems
from hybrid.review.flaws.flaw import Found, Rule, Template, listed, nested, text

#: Properties that name a key.
_KEYS = ("KmsKeyId", "KmsKey", "KMSMasterKeyID", "KmsMasterKeyId", "KmsKeyArn", "EncryptionKey", "KMSKeyId")
#: Names of variables whose value is a secret.
_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|(?:^|_)pwd|token|credential|private_?key|api_?key|access_?key|secret", re.I
)
#: Variables of this project that name a secret and do not hold one (docs/reference/container.md).
_NAMES_OF_SECRETS = frozenset({"HYBRID_SECRET"})
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@$]+@|-----BEGIN |\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?i:\b(?:password|pwd)=[^\s;&$])"
)


def _variables(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::ECS::TaskDefinition"):
        for container in listed(properties.get("ContainerDefinitions")):
            for variable in listed(container.get("Environment")):
                yield from _variable(name, text(variable.get("Name", "")), variable.get("Value"))
            for word in map(text, [*listed(container.get("Command")), *listed(container.get("EntryPoint"))]):
                if _SECRET_VALUE.search(word):
                    yield name, "A password in the command of a container: read it from the secret"
    for name, _, properties in template.resources("AWS::Lambda::Function"):
        for key, value in ((properties.get("Environment") or {}).get("Variables") or {}).items():
            yield from _variable(name, key, value)


def _variable(resource: str, name: str, value: Any) -> Iterator[Found]:
    if name in _NAMES_OF_SECRETS:
        return
    if _SECRET_NAME.search(name) or _SECRET_VALUE.search(text(value)):
        yield (
            resource,
            f"The variable {name} holds a secret in clear text, which everyone who may read task definitions "
            "reads: keep it in Secrets Manager",
        )


def _airflow(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::MWAA::Environment"):
        options: Mapping[str, Any] = properties.get("AirflowConfigurationOptions") or {}
        # The backend is set by the estate itself, with the right to read it.
        given = {key: text(value) for key, value in options.items() if key != "secrets.backend"}
        for option, sentence in option_problems(given):
            yield name, f"{option}: {sentence}"


def _keys(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources():
        for mapping in nested(properties):
            for key in _KEYS:
                if "alias/aws/" in text(mapping.get(key, "")):
                    yield (
                        name,
                        f"{key} is a key that AWS manages, which no policy of the estate governs: name the "
                        "estate's key",
                    )


def _values(template: Template) -> Iterator[Found]:
    for name, _, properties in template.resources("AWS::SecretsManager::Secret"):
        if "SecretString" in properties or "GenerateSecretString" in properties:
            yield name, "A secret whose value the template makes or holds: leave it empty"
    for name, _, properties in template.resources("AWS::SSM::Parameter"):
        if _SECRET_NAME.search(text(properties.get("Name", ""))):
            yield name, "A secret in a parameter, in clear text: keep it in Secrets Manager"


RULES = (
    Rule(
        "HOUSE_CLEAR_TEXT",
        "a secret in the variables or the command of a container or a function",
        _variables,
    ),
    Rule(
        "HOUSE_AIRFLOW_OPTIONS", "a secret, or what MWAA sets itself, among the options of Airflow", _airflow
    ),
    Rule("HOUSE_KEY_OF_AWS", "anything encrypted with a key that AWS manages, named by its alias", _keys),
    Rule("HOUSE_SECRET_VALUE", "a secret whose value stands in the template, or is made by it", _values),
)
