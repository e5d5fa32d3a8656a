"""The commands of the README's "Deploying to an account", and the way back, in the real command line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import boto3
import pytest

from sandbox.demo.assembly import localize_assembly
from sandbox.demo.ports import ports
from sandbox.services.emulator import Emulator
from workspace import environments
from workspace.paths import ROOT

pytestmark = pytest.mark.e2e


def deploying() -> list[list[str]]:
    """The commands of the README's section on accounts, as lists of words."""
    section = (ROOT / "README.md").read_text().split("## Deploying to an account")[1]
    block = section.split("```sh\n")[1].split("```")[0]
    return [shlex.split(line, comments=True) for line in block.strip().splitlines()]


def test_the_readmes_commands_deploy_every_stack_and_destroy_takes_them_away_in_the_opposite_order(
    tmp_path: Path,
) -> None:
    # Given an empty emulator, and the estate's assembly less what the emulator lacks
    python = environments.EMULATOR.ensure().python
    port = ports(tmp_path / "ports.json")["emulator"]
    with Emulator(tmp_path / "emulator", port=port, python=python) as emulator:
        environment = {**os.environ, **emulator.client_environment(), "NO_COLOR": "1"}
        cloud, local = tmp_path / "cloud", tmp_path / "local"

        def hybrid(*words: str) -> str:
            done = subprocess.run(
                [str(ROOT / "bin" / "hybrid"), *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            return done.stdout

        hybrid("cdk", "synth", "--quiet", "--output", str(cloud))
        localize_assembly(cloud, local)
        stacks = boto3.client(
            "cloudformation",
            endpoint_url=emulator.endpoint_url,
            region_name=emulator.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

        def deployed() -> set[str]:
            found = stacks.describe_stacks()["Stacks"]
            return {stack["StackName"] for stack in found if stack["StackName"].startswith("hybrid-acme-")}

        # When the README's commands run
        assert [words[:3] for words in deploying()] == [
            ["bin/hybrid", "cdk", "bootstrap"],
            ["bin/hybrid", "cdk", "deploy"],
        ]
        for words in deploying():
            answers = ["--require-approval", "never"] if "deploy" in words else []
            there = [f"aws://000000000000/{emulator.region}"] if "bootstrap" in words else []
            said = hybrid(*words[1:], *there, *answers, "--app", str(local))

        # Then every stack of the assembly stands, those before that others need
        order = re.findall(r"^(hybrid-acme-[a-z-]+): deploying", said, re.MULTILINE)
        assert deployed() == set(order) == {path.name.split(".")[0] for path in local.glob("*.template.json")}
        assert order.index("hybrid-acme-storage") < order.index("hybrid-acme-site-on-premises")
        assert order.index("hybrid-acme-dags") < order.index("hybrid-acme-airflow")

        # And when all is destroyed, those go first that need others, and none is left
        said = hybrid("cdk", "destroy", "--all", "--force", "--app", str(local))
        gone = re.findall(r"^(hybrid-acme-[a-z-]+): destroying", said, re.MULTILINE)
        assert set(gone) == set(order)
        assert gone.index("hybrid-acme-airflow") < gone.index("hybrid-acme-dags")
        assert gone[-1] == "hybrid-acme-storage"
        assert deployed() == set()
