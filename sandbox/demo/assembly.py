"""The cloud assembly of `cdk synth`, made fit for the emulator.

The very templates, less what sandbox/differences.py lists. A bucket deployment, which in an account
is done by the CDK's function, becomes an `Upload`: its literal part is kept here, and what only a
deployment knows becomes an output of the stack.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.differences import Template, localize

_DEPLOYMENT = "Custom::CDKBucketDeployment"


@dataclass(frozen=True)
class Upload:
    """A bucket deployment that the demo does in the function's place.

    Attributes:
        stack: the stack that has it.
        prefix: key prefix in the destination bucket; empty for its root.
        asset_keys: keys of the zip files in the bootstrap bucket.
        prune: whether other objects under the prefix are deleted.
        bucket_output: output of the stack that holds the destination bucket's name.
        source_bucket_output: output that holds the bootstrap bucket's name.
        marker_outputs: for each zip, marker text in its files → output that holds its value.
    """

    stack: str
    prefix: str
    asset_keys: list[str]
    prune: bool
    bucket_output: str
    source_bucket_output: str
    marker_outputs: list[dict[str, str]] = field(default_factory=list)


def localize_assembly(source: Path, target: Path) -> list[Upload]:
    """Copy a cloud assembly and fit its templates to the emulator.

    Args:
        source: directory that `cdk synth` made.
        target: directory of the copy; what was there is replaced.

    Returns:
        What has to be uploaded after the deployment, in the order of the stacks' names.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    uploads: list[Upload] = []
    for path in sorted(target.glob("*.template.json")):
        before = path.read_bytes()
        template = json.loads(before)
        stack = path.name.removesuffix(".template.json")
        found = _uploads(stack, template)
        outputs = {name: {"Value": value} for _, values in found for name, value in values.items()}
        local = localize(template)
        local["Outputs"] = {**local["Outputs"], **outputs}
        if outputs:
            local["Resources"] = {**local["Resources"], "LocalOutputs": _mark(stack, outputs)}
        after = json.dumps(local, indent=1).encode()
        path.write_bytes(after)
        _rename_asset(target, stack, before, after)
        uploads += [upload for upload, _ in found]
    return uploads


def _mark(stack: str, outputs: dict[str, Any]) -> dict[str, Any]:
    """A resource that changes with the outputs: the emulator takes no update in which only outputs change."""
    digest = hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()
    properties = {"Name": f"/hybrid-local/{stack}/outputs", "Type": "String", "Value": digest}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties}


def _rename_asset(assembly: Path, stack: str, before: bytes, after: bytes) -> None:
    """Address the template by its new content: by the old hash the CDK would not publish it again."""
    old = hashlib.sha256(before).hexdigest()
    new = hashlib.sha256(after).hexdigest()
    for name in (f"{stack}.assets.json", "manifest.json"):
        path = assembly / name
        text = path.read_text()
        path.write_text(text.replace(old, new))


def _uploads(stack: str, template: Template) -> list[tuple[Upload, dict[str, Any]]]:
    found = []
    for name, resource in sorted(template.get("Resources", {}).items()):
        if resource["Type"] != _DEPLOYMENT:
            continue
        properties = resource["Properties"]
        values: dict[str, Any] = {
            f"{name}Bucket": properties["DestinationBucketName"],
            f"{name}Source": properties["SourceBucketNames"][0],
        }
        marker_outputs: list[dict[str, str]] = []
        for number, markers in enumerate(properties.get("SourceMarkers", [])):
            marker_outputs.append({})
            for index, (marker, value) in enumerate(sorted(markers.items())):
                output = f"{name}Marker{number}x{index}"
                values[output] = value
                marker_outputs[number][marker] = output
        upload = Upload(
            stack=stack,
            prefix=properties.get("DestinationBucketKeyPrefix", ""),
            asset_keys=list(properties["SourceObjectKeys"]),
            prune=properties.get("Prune", True),
            bucket_output=f"{name}Bucket",
            source_bucket_output=f"{name}Source",
            marker_outputs=marker_outputs,
        )
        found.append((upload, values))
    return found
