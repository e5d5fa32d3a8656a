"""What is deployed to the emulator, read from itself, and how two such states differ.

The emulator is asked, not a file beside it: templates of CloudFormation, objects of the DAG bucket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

ADDED, CHANGED, REMOVED = "added", "changed", "removed"

#: Of a pipeline's two files, what follows from the rest.
_DERIVED = {"version", "specification", "expects"}

#: Resources of the demo's and the CDK's own, which say nothing of the estate.
_OWN = ("LocalOutputs", "CDKMetadata")


@dataclass(frozen=True)
class Deployed:
    """What is deployed.

    Attributes:
        stacks: name of each stack → its template.
        files: each file below `dags/`, less manifests, and plugins.zip → its ETag.
        pipelines: name of each pipeline → what its DAG and its container read of it.
        dags: name of each entry of `dags` → what its DAG reads of it.
    """

    stacks: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str] = field(default_factory=dict)
    pipelines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DeployedChange:
    """One thing that differs.

    Attributes:
        kind: stack, source, pipeline, DAG or file.
        name: of the thing.
        how: added, changed or removed.
        what: what of it changed, in the words of the estate file where it is of one.
    """

    kind: str
    name: str
    how: str
    what: str = ""


def read_deployed(
    cloudformation: CloudFormationClient, s3: S3Client, *, estate: str, bucket: str | None
) -> Deployed:
    """What an emulator has of an estate.

    Args:
        cloudformation: client of the emulator.
        s3: client of the emulator.
        estate: prefix of the names of the estate's stacks.
        bucket: the DAG bucket.

    Raises:
        ClientError, BotoCoreError: the emulator could not be asked.
    """
    stacks = {
        summary["StackName"]: _template(cloudformation, summary["StackName"])
        for page in cloudformation.get_paginator("list_stacks").paginate()
        for summary in page["StackSummaries"]
        if summary["StackName"].startswith(f"{estate}-") and summary["StackStatus"] != "DELETE_COMPLETE"
    }
    if bucket is None:
        return Deployed(stacks)
    entries = sorted(
        (
            entry
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for entry in page.get("Contents", [])
        ),
        key=lambda entry: entry["LastModified"],
    )
    tags = {entry["Key"]: entry["ETag"] for entry in entries}

    def read(key: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return content

    manifest = read("dags/manifest.json") if "dags/manifest.json" in tags else {}
    pipelines = {}
    for name in manifest.get("pipelines", []):
        own = read(f"dags/manifest/{name}.json")
        specification = read(f"pipelines/{own['source']}/{own['specification']}.json")
        pipelines[name] = {**specification, **own}
    files = {
        # Older ones stay beside it, below other digests: Airflow takes the newest.
        "plugins.zip" if key.endswith("/plugins.zip") else key.removeprefix("dags/"): tag
        for key, tag in tags.items()
        if not key.startswith(("dags/manifest.json", "dags/manifest/", "pipelines/"))
    }
    return Deployed(stacks, files, pipelines, manifest.get("dags", {}))


def differences(before: Deployed, after: Deployed) -> list[DeployedChange]:
    """What differs, pipelines first, then what they are made into."""
    return [
        *_compared("pipeline", before.pipelines, after.pipelines, _keys),
        *_compared("DAG", before.dags, after.dags, _keys),
        *_compared("source", _sources(before), _sources(after), _resources),
        *_compared("file", before.files, after.files, lambda *_: ""),
        *_compared("stack", before.stacks, after.stacks, _stack),
    ]


def _compared(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], what: Any
) -> list[DeployedChange]:
    found = []
    for name in sorted({*before, *after}):
        if name not in before:
            found.append(DeployedChange(kind, name, ADDED))
        elif name not in after:
            found.append(DeployedChange(kind, name, REMOVED))
        elif before[name] != after[name] and (text := what(before[name], after[name])) is not None:
            found.append(DeployedChange(kind, name, CHANGED, text))
    return found


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Keys whose values differ; None where only what follows from others does."""
    missing = object()
    keys = {
        key for key in {*before, *after} - _DERIVED if before.get(key, missing) != after.get(key, missing)
    }
    return ", ".join(sorted(keys)) or None


def _stack(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return _resources(before.get("Resources", {}), after.get("Resources", {}))


def _resources(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Resources that differ, each with its sign: + added, ~ changed, - removed."""
    found = []
    for change in _compared("resource", before, after, lambda *_: ""):
        if change.name in _OWN:
            continue
        sign = {ADDED: "+", CHANGED: "~", REMOVED: "-"}[change.how]
        found.append(f"{sign}{_path(change.name, after.get(change.name) or before[change.name])}")
    return ", ".join(found)


def _path(logical: str, resource: Mapping[str, Any]) -> str:
    """A resource's path in its stack, as the constructs of the CDK name it."""
    path = str(resource.get("Metadata", {}).get("aws:cdk:path", logical))
    return path.partition("/")[2].removesuffix("/Resource") or logical


def _sources(deployed: Deployed) -> dict[str, dict[str, Any]]:
    """The resources of each source."""
    found: dict[str, dict[str, Any]] = {}
    for template in deployed.stacks.values():
        for logical, resource in template.get("Resources", {}).items():
            construct = _path(logical, resource).partition("/")[0]
            if construct.startswith("Source-"):
                found.setdefault(construct.removeprefix("Source-"), {})[logical] = resource
    return found


def _template(cloudformation: CloudFormationClient, stack: str) -> Mapping[str, Any]:
    try:
        body: Any = cloudformation.get_template(StackName=stack)["TemplateBody"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return {}
        raise
    loaded: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
    return loaded
