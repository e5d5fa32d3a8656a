"""The CDK application: `cdk synth`, `cdk deploy`, with `-c estate=FILE` for another estate."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "constructs")]

if (ROOT / "constructs" / "__init__.py").exists():
    # With it, the folder would be the package `constructs` that aws-cdk-lib imports.
    print(
        "constructs/__init__.py makes the folder hide the library `constructs`, which the CDK needs: "
        "delete that file (some editors offer to make it)",
        file=sys.stderr,
    )
    sys.exit(2)

from hybrid.artifacts.image import image_tag  # noqa: E402
from hybrid.artifacts.plugin import build_plugins_zip  # noqa: E402
from hybrid.estate import Estate, EstateError, load_estate  # noqa: E402
from workspace.node import use_project_node  # noqa: E402
from workspace.paths import DAGS, ESTATE, estate_file  # noqa: E402

use_project_node()
# jsii unpacks the library into a directory with another name each time; stack frames carry that name
# into the metadata and the report, which are to be the same for the same estate.
if "CDK_DEBUG" not in os.environ:
    os.environ["NODE_OPTIONS"] = f"{os.environ.get('NODE_OPTIONS', '')} --stack-trace-limit=0".strip()
# A slow synthesis would write how slow it was into the assembly, for the CDK's telemetry.
os.environ.pop("CDK_PERF_COUNTERS_FILE", None)

from aws_cdk import App  # noqa: E402

from stacks import guard  # noqa: E402
from stacks.airflow_stack import AirflowFiles  # noqa: E402
from stacks.checks import add_checks  # noqa: E402
from stacks.estate_app import Artifacts, EstateStacks  # noqa: E402


def main() -> int:
    """Synthesize the estate that the context names."""
    app = App(analytics_reporting=False, stack_traces=False)
    try:
        estate = load_estate(_estate_file(app))
    except EstateError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        requirements = DAGS / "requirements.txt"
        files = AirflowFiles(
            plugins=build_plugins_zip(Path(directory, "plugins.zip")),
            requirements=requirements if requirements.is_file() else None,
        )
        EstateStacks(app, estate=estate, artifacts=Artifacts(files, DAGS, image_tag()))
    add_checks(app)
    assembly = app.synth()
    unchecked = str(app.node.try_get_context(guard.UNCHECKED)).lower() == "true"
    if os.environ.get(guard.ASKED) and not unchecked:
        return _look_before_deploying(Path(assembly.directory), estate)
    return 0


def _estate_file(app: App) -> Path:
    """As the context says: `-c estate=FILE`, `-c env=NAME` for overlays/NAME.yaml, or hybrid.yaml."""
    named = app.node.try_get_context("estate") or app.node.try_get_context("env")
    return estate_file(str(named)) if named else ESTATE


def _look_before_deploying(directory: Path, estate: Estate) -> int:
    try:
        reasons = guard.objections(directory, estate)
    except guard.NobodyLookedError as error:
        print(f"WARNING: {error}", file=sys.stderr)
        return 0
    for reason in reasons:
        print(f"refused: {reason}.", file=sys.stderr)
    if reasons:
        print(
            "Nothing was touched. docs/how-to/change-an-estate.md has the ways round; "
            f"`-c {guard.UNCHECKED}=true` deploys all the same.",
            file=sys.stderr,
        )
    return 2 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
