"""The bill of materials of the command line names what is locked, and nothing that only the tests need."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version

import pytest

from workspace.paths import ROOT

_HYBRID = ROOT / "bin" / "hybrid"


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", text, re.MULTILINE))


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.slow
def test_it_names_each_package_that_is_locked_and_the_cdk_s_command_line() -> None:
    # When it is printed, by a developer too, whose environment has the tests' packages
    printed = [
        subprocess.run([_HYBRID, "sbom"], capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]
    bill = json.loads(printed[0])
    # Then it is the same each time
    assert printed[0] == printed[1]
    # And has what is locked, where that is installed on this kind of machine
    listed = {part["purl"]: part for part in bill["components"]}
    names = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in listed.values()}
    locked = {name: found for name, found in _locked("requirements.txt").items() if _installed(name)}
    assert len(locked) > 30
    (cdk,) = (part for purl, part in listed.items() if purl.startswith("pkg:npm/"))
    assert names == locked | {"aws-cdk": cdk["version"]}
    # And what npm has for the CDK's command line
    lock = json.loads((ROOT / "node" / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]
    assert (cdk["version"], cdk["hashes"][0]["alg"]) == (lock["version"], "SHA-512")
    assert len(cdk["hashes"][0]["content"]) == 128
    # And each reference is to something in it
    known = {part["bom-ref"] for part in listed.values()} | {bill["metadata"]["component"]["bom-ref"]}
    assert {one for entry in bill["dependencies"] for one in entry.get("dependsOn", ())} <= known
    assert "pytest" not in names
