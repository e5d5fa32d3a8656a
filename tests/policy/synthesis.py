"""The estates of the policy tests, synthesized in this process, without any check but the tests'."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path

from hybrid.estate import load_estate
from hybrid.review.assembly import Stack, read_assembly
from workspace.node import use_project_node
from workspace.paths import DAGS, ROOT

use_project_node()

ESTATES = Path(__file__).with_name("estates")

#: The estate of the end-to-end tests, here called `e2e`.
END_TO_END = ROOT / "tests" / "e2e" / "estate.yaml"


def synthesize(estate_file: Path, directory: Path) -> None:
    """Write the cloud assembly of an estate into a directory."""
    from aws_cdk import App  # noqa: PLC0415 - a second of start, spared where the cache answers

    from stacks.airflow_stack import AirflowFiles  # noqa: PLC0415
    from stacks.estate_app import Artifacts, EstateStacks  # noqa: PLC0415

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        context=context,
        outdir=str(directory),
    )
    artifacts = Artifacts(AirflowFiles(plugins=_plugins()), DAGS, "policy-tests")
    EstateStacks(app, estate=load_estate(estate_file), artifacts=artifacts)
    app.synth()


@functools.cache
def _plugins() -> Path:
    from hybrid.artifacts.plugin import build_plugins_zip  # noqa: PLC0415

    return build_plugins_zip(_scratch() / "plugins.zip")


def _scratch() -> Path:
    """A new directory, deleted at the end of the session."""
    directory = Path(tempfile.mkdtemp(prefix="policy-tests-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def assembly_of(name: str) -> Path:
    """The cloud assembly of an estate, synthesized once a session; not to be written to."""
    directory = _scratch()
    synthesize(END_TO_END if name == "e2e" else ESTATES / f"{name}.yaml", directory)
    return directory


@functools.cache
def stacks_of(name: str) -> tuple[Stack, ...]:
    """The stacks of an estate in estates/, or of `e2e`."""
    return tuple(read_assembly(assembly_of(name)))
