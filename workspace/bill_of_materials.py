"""What the command line is made of, as CycloneDX 1.6: its Python packages and the CDK's own command line.

The container's bill is made in its image (etl/image/sbom.py).
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from workspace.environments import BILL_OF_MATERIALS, EnvironmentFailure
from workspace.node import LOCK
from workspace.paths import ROOT

#: What a user's environment has; that of a developer has the tests' packages besides.
_REQUIREMENTS = ROOT / "requirements.txt"


def command_line() -> dict[str, Any]:
    """The bill of the environment that runs this, without what only the tests need.

    Raises:
        EnvironmentFailure: the tool that makes it could not be installed, or failed.
    """
    tool = BILL_OF_MATERIALS.ensure().directory / "bin" / "cyclonedx-py"
    command = [
        *(str(tool), "environment", "--pyproject", str(ROOT / "pyproject.toml")),
        *("--output-reproducible", "--of", "JSON", "-o", "-", sys.executable),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentFailure(f"cyclonedx-py failed: {done.stderr.strip()[-500:]}")
    bill: dict[str, Any] = json.loads(done.stdout)
    wanted = set(re.findall(r"^([A-Za-z0-9._-]+)==", _REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE))
    kept = [part for part in bill["components"] if _normalized(part["name"]) in {*map(_normalized, wanted)}]
    references = {part["bom-ref"] for part in kept}
    of_npm = list(_npm(LOCK))
    bill["components"] = [*kept, *of_npm]
    bill["dependencies"] = [
        one
        | (
            {"dependsOn": [ref for ref in one["dependsOn"] if ref in references]}
            if "dependsOn" in one
            else {}
        )
        for one in bill["dependencies"]
        if one["ref"] in references | {bill["metadata"]["component"]["bom-ref"]}
    ]
    return bill


def _normalized(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _npm(lock: Path) -> list[dict[str, Any]]:
    found = []
    for place, package in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if not place:
            continue
        name = place.rpartition("node_modules/")[2]
        algorithm, _, digest = package["integrity"].partition("-")
        purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        found.append(
            {
                "type": "application",
                "bom-ref": purl,
                "name": name,
                "version": package["version"],
                "purl": purl,
                "licenses": [{"license": {"id": package["license"]}}],
                "hashes": [
                    {
                        "alg": algorithm.upper().replace("SHA", "SHA-"),
                        "content": base64.b64decode(digest).hex(),
                    }
                ],
            }
        )
    return found
