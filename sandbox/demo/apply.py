"""Brings a changed estate into a demo that runs: what differs is deployed, what is the same runs on."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hybrid.artifacts import image_build
from hybrid.estate import Estate
from sandbox.demo import run
from sandbox.demo.changes import CHANGED, REMOVED, Deployed, DeployedChange, differences, read_deployed
from sandbox.demo.deployment import DeploymentError
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode
from sandbox.demo.reading import DagState, read_anew
from workspace.steps import Steps

#: Resources whose change would take a running demo apart: other stacks hold their ids.
_FOUNDATION = (
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::Route",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::SubnetRouteTableAssociation",
)


class NotApplicable(Exception):
    """The change cannot be brought into a running demo; the message says why. Nothing was touched."""


class ApplyFailed(Exception):
    """The change could not be brought in whole; the message says what failed. The services run on."""


@dataclass(frozen=True)
class Applied:
    """What was done.

    Attributes:
        changes: what is deployed otherwise than before.
        restarted: services that were started or started anew.
        dags: the DAGs of what changed, as Airflow has them now.
        errors: files of DAGs that cannot be read: file → the end of what Python says.
        skipped: changed files that Airflow does not read as DAGs, because a word is not in them.
    """

    changes: list[DeployedChange]
    restarted: list[str]
    dags: list[DagState] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def is_anything(self) -> bool:
        """Whether anything was done."""
        return bool(self.changes or self.restarted)

    def pipelines(self, estate: Estate) -> set[str]:
        """Pipelines of the estate that run otherwise than before: they, or what their source runs with."""
        changed = {(one.kind, one.name) for one in self.changes}
        return {
            name
            for name, pipeline in estate.pipelines.items()
            if {("pipeline", name), ("source", pipeline.source)} & changed
        }


def apply(demo: DemoEnvironment, steps: Steps) -> Applied:
    """Deploy what has changed of the estate to the demo that runs, and let Airflow read it.

    Raises:
        NotApplicable: the change needs a new demo.
        ApplyFailed: the synthesis failed, or the emulator refused the change.
    """
    before, pids = _deployed(demo), _pids(demo)
    with _image(demo, steps) as image:
        with steps.step("cdk synth, with all checks", log=demo.deployment.log):
            try:
                demo.deployment.synthesize()
            except DeploymentError as error:
                raise ApplyFailed(f"{error}\nNothing was deployed: the demo runs as before") from error
        _refuse_what_takes_a_new_demo(before, demo)
        if not demo.deployment.is_deployed:
            _deploy(demo, image, steps)
    run.take_databases(demo, steps, {}, insist=True)
    run.start_sites(demo, steps)
    run.start_databases(demo, steps)
    run.start_airflow(demo, steps)
    after = _deployed(demo)
    changes = _with_stacks_of_files(differences(before, after), demo)
    restarted = [name for name, pid in _pids(demo).items() if pids.get(name) != pid]
    if not any(one.kind in {"pipeline", "DAG", "file"} for one in changes):
        return Applied(changes, restarted)
    with steps.step("Airflow reads what has changed"):
        dags, errors = read_anew(
            demo.airflow().client(),
            files=_changed_files(changes, demo),
            wanted=_dags_of(changes, demo),
            removed=_removed_dags(changes, demo),
            since=demo.dags_changed_at,
        )
    skipped = [name for name in _changed_code(changes) if not _may_hold_dags(demo.dags / name)]
    return Applied(changes, restarted, dags, {**errors, **_broken(skipped, demo)}, skipped)


@contextmanager
def _image(demo: DemoEnvironment, steps: Steps) -> Iterator[Future[None]]:
    """Build the image of the containers, where tasks run in them, while the app is synthesized: neither waits
    for the other, and an image that no task definition names does nothing."""
    with ThreadPoolExecutor(1) as background:
        image = background.submit(_build_image, demo)
        try:
            yield image
        finally:
            if not image.done():
                with steps.step(
                    "The end of the image's build, which is not needed now", log=_image_log(demo)
                ):
                    wait([image])


def _build_image(demo: DemoEnvironment) -> None:
    if demo.mode is Mode.CONTAINER:
        image_build.build_with_any_decoder(demo.image, log=_image_log(demo))


def _image_log(demo: DemoEnvironment) -> Path:
    return demo.directory / "image.log"


def _deploy(demo: DemoEnvironment, image: Future[None], steps: Steps) -> None:
    deployment = demo.deployment
    if demo.mode is Mode.CONTAINER:
        try:
            with steps.step("The image of the ETL container", log=_image_log(demo)):
                image.result()
                # Of etl/ as the synthesis found it, where somebody has saved a file of it meanwhile.
                image_build.build_with_any_decoder(demo.image, log=_image_log(demo))
        except image_build.ImageError as error:
            raise ApplyFailed(f"{error}\nNothing was deployed: the demo runs as before") from error
    with steps.step("cdk deploy, what has changed", log=deployment.log):
        try:
            deployment.bootstrap()
            deployment.deploy()
        except DeploymentError as error:
            raise ApplyFailed(f"the emulator refused a stack: {error}") from error
    demo.is_deployed_anew = True


def _deployed(demo: DemoEnvironment) -> Deployed:
    return read_deployed(
        demo.client("cloudformation"), demo.s3, estate=demo.names.prefix, bucket=demo.dag_bucket
    )


def _pids(demo: DemoEnvironment) -> dict[str, int]:
    found = {name: demo.services.process(name) for name in demo.services.names()}
    return {name: process.pid for name, process in found.items() if process is not None}


def _refuse_what_takes_a_new_demo(before: Deployed, demo: DemoEnvironment) -> None:
    templates = demo.deployment.templates
    if gone := sorted(set(before.stacks) - set(templates)):
        raise NotApplicable(
            f"{', '.join(gone)}: a stack that left the estate is not taken away from a running demo"
        )
    for stack, template in templates.items():
        was, now = before.stacks.get(stack, {}).get("Resources", {}), template["Resources"]
        changed = [
            name
            for name in {*was, *now}
            if (was.get(name) or now[name])["Type"] in _FOUNDATION and was and was.get(name) != now.get(name)
        ]
        if changed:
            raise NotApplicable(f"{stack}: the network changes, whose ids other stacks hold")


def _with_stacks_of_files(changes: list[DeployedChange], demo: DemoEnvironment) -> list[DeployedChange]:
    """The changes, and the stacks of which only files are deployed, which the emulator's templates lack."""
    deployed = {
        demo.names.stack("airflow" if one.name == "plugins.zip" else "dags")
        for one in changes
        if one.kind in {"pipeline", "DAG", "file"}
    }
    told = {one.name for one in changes if one.kind == "stack"}
    return changes + [DeployedChange("stack", name, CHANGED, "its files") for name in sorted(deployed - told)]


def _changed_files(changes: Collection[DeployedChange], demo: DemoEnvironment) -> set[str]:
    """Files of DAGs that Airflow has to read; the one of the pipelines' DAGs reads their manifests."""
    files = {name for name in _changed_code(changes) if _may_hold_dags(demo.dags / name)}
    if any(one.kind in {"pipeline", "DAG"} or one.name == "plugins.zip" for one in changes):
        files.add("hybrid_pipelines.py")
    return files


def _changed_code(changes: Collection[DeployedChange]) -> list[str]:
    """Python files of dags/ that were added or changed."""
    files = {one.name for one in changes if one.kind == "file" and one.how != REMOVED}
    return sorted(name for name in files if name.endswith(".py"))


def _broken(skipped: Collection[str], demo: DemoEnvironment) -> dict[str, str]:
    """Of files that Airflow skips, and of which it reports nothing, those that are no Python."""
    found = {}
    for name in skipped:
        try:
            ast.parse((demo.dags / name).read_bytes(), filename=name)
        except (SyntaxError, ValueError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def _may_hold_dags(file: Path) -> bool:
    """Whether Airflow reads a file at all (`might_contain_dag_via_default_heuristic`)."""
    content = file.read_bytes().lower()
    return b"dag" in content and b"airflow" in content


def _dags_of(changes: Collection[DeployedChange], demo: DemoEnvironment) -> set[str]:
    """DAGs of the estate that are added or changed."""
    estate = demo.estate
    changed = {one.name for one in changes if one.kind == "pipeline" and one.how != REMOVED}
    entries = {one.name for one in changes if one.kind == "DAG" and one.how != REMOVED}
    entries |= {name for name, entry in estate.dags.items() if changed & {*entry.pipelines}}
    return {f"{estate.environment.name}-{name}" for name in changed | entries}


def _removed_dags(changes: Collection[DeployedChange], demo: DemoEnvironment) -> set[str]:
    name = demo.estate.environment.name
    return {f"{name}-{one.name}" for one in changes if one.kind in {"pipeline", "DAG"} and one.how == REMOVED}
