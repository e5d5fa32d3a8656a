"""An estate that is deployed is edited and deployed again: what used to wait for another stack does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.demo.assembly import localize_assembly
from sandbox.demo.ports import ports
from sandbox.services.emulator import Emulator
from workspace import environments
from workspace.paths import ESTATE, ROOT

pytestmark = pytest.mark.e2e

#: What is edited → text of the estate file, and what takes its place.
EDITS = {
    "security groups of a cloud site": (
        "kind: cloud",
        "kind: cloud\n    security_groups: [sg-0123456789abcdef0]",
    ),
    "a cloud site becomes one of one's own machines": ("kind: cloud", "kind: anywhere"),
    "a third zone": ("eu-west-1b]", "eu-west-1b, eu-west-1c]"),
}
#: How many of them are tried: one, which takes half a minute; all with HYBRID_TEST_CASES=3.
CASES = int(os.environ.get("HYBRID_TEST_CASES", "1"))


def test_edits_are_deployed_one_after_the_other_and_another_range_is_refused(tmp_path: Path) -> None:
    # Given an empty emulator, and the estate deployed to it
    python = environments.EMULATOR.ensure().python
    with Emulator(
        tmp_path / "emulator", port=ports(tmp_path / "ports.json")["emulator"], python=python
    ) as one:
        environment = {**os.environ, **one.client_environment(), "NO_COLOR": "1"}

        def hybrid(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(ROOT / "bin" / "hybrid"), *words],
                env={**environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )

        def synthesized(name: str, text: str, **more: str) -> subprocess.CompletedProcess[str]:
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
            where = ("--output", str(tmp_path / name), "-c", f"estate={tmp_path / name}.yaml")
            return hybrid("cdk", "synth", "--quiet", *where, **more)

        def deploy(name: str, text: str) -> None:
            done = synthesized(name, text)
            assert done.returncode == 0, done.stdout
            local = tmp_path / f"{name}-local"
            localize_assembly(tmp_path / name, local)
            done = hybrid("cdk", "deploy", "--all", "--require-approval", "never", "--app", str(local))
            assert done.returncode == 0, done.stdout

        first = ESTATE.read_text(encoding="utf-8")
        assert hybrid("cdk", "bootstrap", f"aws://000000000000/{one.region}").returncode == 0
        deploy("first", first)

        # When each edit is deployed over it, and taken back
        for number, (old, new) in list(enumerate(EDITS.values()))[:CASES]:
            assert old in first
            deploy(f"edit-{number}", first.replace(old, new))
            deploy(f"back-{number}", first)

        # Then all of it was; and what CloudFormation cannot do is refused before anything is touched
        refused = synthesized("range", first.replace("10.20.0.0", "10.30.0.0"), HYBRID_BEFORE_DEPLOYMENT="1")
        assert refused.returncode != 0
        assert "would be replaced because of CidrBlock" in refused.stdout
        assert "Nothing was touched" in refused.stdout
