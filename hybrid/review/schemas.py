"""Which properties have CloudFormation replace a resource, by its own schemas, as `cdk diff` reads them."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from typing import Any

from workspace.node import cdk
from workspace.paths import NODE_MODULES


def replaces(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of the changed properties of a resource that have it replaced.

    Args:
        kind: type of the resource, as `AWS::EC2::Subnet`.
        old: its properties.
        new: its properties afterwards.
    """
    described = _database()[0].get(kind, {}).get("properties", {})
    return sorted(
        name
        for name in old.keys() | new.keys()
        if _replaces(described.get(name), old.get(name), new.get(name))
    )


def _replaces(described: Mapping[str, Any] | None, old: Any, new: Any) -> bool:
    """Whether a changed property has its resource replaced, by itself or by one of its own properties."""
    if described is None or old == new:
        return False
    if described.get("causesReplacement") == "yes":
        return True
    reference = described.get("type", {}).get("reference", {}).get("$ref")
    inner = _database()[1].get(reference, {}).get("properties", {})
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return False
    return any(_replaces(inner.get(name), old.get(name), new.get(name)) for name in old.keys() | new.keys())


@functools.cache
def _database() -> tuple[dict[str, Any], dict[str, Any]]:
    """Resource types, and types of properties: aws-cdk's db.json.gz (@aws-cdk/service-spec-types)."""
    cdk()
    text = gzip.decompress((NODE_MODULES / "node_modules" / "aws-cdk" / "db.json.gz").read_bytes())
    schema = json.loads(text)["schema"]
    resources = {one["cloudFormationType"]: one for one in schema["resource"]["entities"]}
    return resources, {one["$id"]: one for one in schema["typeDefinition"]["entities"]}
