"""The demo from nothing to rows in the lake: the order of the steps, and what is said along the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

from hybrid.artifacts import image_build
from hybrid.artifacts.compile import pipeline_manifest
from hybrid.estate import Estate
from sandbox.demo.dag_runs import Following
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.interrupts import interruptible, uninterrupted
from sandbox.demo.landed import Landed, landed
from sandbox.demo.mode import Mode
from sandbox.demo.user_databases import on_this_machine
from sandbox.services.databases import SERVERS, stand_in
from sandbox.services.supervisor import PortTaken, Services
from workspace import environments
from workspace.node import cdk
from workspace.steps import Steps

#: Begin and end of an interval; the end is not included.
Span = tuple[datetime, datetime]

#: DAGs to run: names, less the estate's, each with the configuration of its run.
Dags = dict[str, dict[str, object]]

#: Seconds that a run of a DAG may take, with the runs of its schedule that go first.
_RUN_TIMEOUT = 600

_FULL_REFRESH = (
    "it reads all that there is before the end of the last interval (a full refresh), which stands for every "
    "earlier interval; --from and --to read one interval instead"
)

#: Ports that are tried for a service while somebody else takes each.
_PORTS = 4


@dataclass(frozen=True)
class Result:
    """What a demo came to.

    Attributes:
        landed: every visible run in the lake.
        failed: DAGs whose run is no success, with why not.
        seconds: name of each step → duration.
    """

    landed: list[Landed]
    failed: dict[str, str]
    seconds: dict[str, float]

    @property
    def is_good(self) -> bool:
        """Whether every run succeeded and rows landed."""
        return not self.failed and any(run.rows for run in self.landed)


class DatabaseOutOfReach(Exception):
    """Tasks cannot reach a database of the user's; the message says what to do."""


class _Unsuccessful(Exception):
    """A DAG's run is no success; the message says why."""


def prepare(
    demo: DemoEnvironment,
    steps: Steps,
    *,
    insist: bool,
    databases: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Bring the whole demo up; what runs already is left alone.

    Args:
        demo: the demo.
        steps: where progress goes.
        insist: fail where the image cannot be built, or containers cannot reach a database; else the tasks
            run as processes then.
        databases: secrets of the user's own databases, by source.
    """
    background = ThreadPoolExecutor(1)
    airflow_environment = background.submit(environments.AIRFLOW.ensure)
    try:
        with steps.step("Python environments of emulator and databases"):
            environments.EMULATOR.ensure()
            environments.DATABASES.ensure()
        with steps.step("The AWS CDK command line"):
            cdk()
        with steps.step("The emulator of AWS", log=demo.services.log("emulator")):
            on_a_port(demo, "emulator", demo.start_emulator, steps)
        _deploy(demo, steps)
        take_databases(demo, steps, databases or {}, insist=insist)
        if demo.mode is Mode.CONTAINER:
            _build_image(demo, steps, insist=insist)
        start_sites(demo, steps)
        start_databases(demo, steps)
        with steps.step("The Python environment of Airflow"):
            airflow_environment.result()
        start_airflow(demo, steps)
        demo.remember_modes()
    finally:
        # What still goes on there does not keep services running that are to be stopped.
        background.shutdown(wait=False, cancel_futures=True)


def run_dags(demo: DemoEnvironment, steps: Steps, dags: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Run DAGs of the estate once by hand, one after another.

    Args:
        demo: the demo.
        steps: where progress goes.
        dags: names, less the estate's, each with the configuration of its run (`dag_names`).

    Returns:
        The ids of those whose run is no success, with why not.
    """
    client = demo.airflow().client()
    failed = {}
    for name, conf in dags.items():
        dag = f"{demo.estate.environment.name}-{name}"
        try:
            with steps.step(f"DAG {dag}"):
                client.wait_for_dag(dag, read_since=demo.dags_changed_at)
                if conf.get("full_refresh"):
                    steps.say(f"    {_FULL_REFRESH}")
                why = Following(client, dag, say=steps.say, timeout=_RUN_TIMEOUT).run(conf)
                if why is not None:
                    raise _Unsuccessful(why)
        except _Unsuccessful as error:
            failed[dag] = str(error)
    return failed


def dag_names(estate: Estate, interval: Span | None = None) -> Dags:
    """The DAGs that the demo runs, less the estate's name, each with its configuration, in their order.

    Every entry of `dags`, then the DAG of every pipeline that no entry has; one that comes `after` others,
    after them. A pipeline that reads intervals is asked for `interval`; without one, for all that there is
    before the end of the last interval of its schedule: the made-up customers are of three years, and the
    runs of its schedule go on from there.
    """
    paired = {name for entry in estate.dags.values() for name in entry.pipelines}
    order = TopologicalSorter({name: sorted(one.after) for name, one in sorted(estate.pipelines.items())})
    alone = [name for name in order.static_order() if name not in paired]
    wanted = {name: list(estate.dags[name].pipelines) for name in sorted(estate.dags)}
    wanted |= {name: [name] for name in alone}
    return {name: _configuration(estate, pipelines, interval) for name, pipelines in wanted.items()}


def pipeline_dags(estate: Estate, pipelines: Collection[str], interval: Span | None = None) -> Dags:
    """The own DAGs of pipelines, as `dag_names` gives DAGs, in the order of `after`."""
    order = TopologicalSorter({name: sorted(one.after) for name, one in sorted(estate.pipelines.items())})
    return {
        name: _configuration(estate, [name], interval) for name in order.static_order() if name in pipelines
    }


def _configuration(estate: Estate, pipelines: Collection[str], interval: Span | None) -> dict[str, object]:
    """Of a run by hand, where one of the pipelines reads intervals; the end of a full refresh is that of the
    data interval, which Airflow gives a run by its logical date (`AirflowClient.trigger`)."""
    if not any(pipeline_manifest(estate, pipeline)["uses_interval"] for pipeline in pipelines):
        return {}
    if interval is None:
        return {"full_refresh": True}
    return {"from": interval[0].isoformat(), "to": interval[1].isoformat()}


def result(demo: DemoEnvironment, steps: Steps, failed: dict[str, str]) -> Result:
    """What is in the lake now."""
    return Result(landed(demo.s3, bucket=demo.lake_bucket, estate=demo.estate), failed, steps.durations)


@contextmanager
def nothing_left_behind(
    services: Services, *, keep: bool, say: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Stop every service when the block fails, is interrupted, or, without `keep`, ends.

    Args:
        services: what is stopped.
        keep: let them run on where the block ends well.
        say: gets a word for each signal that comes while they are being stopped.
    """
    with interruptible(say):
        try:
            yield
        except BaseException:
            with uninterrupted(say):
                stop_all(services)
            raise
        if not keep:
            with uninterrupted(say):
                stop_all(services)


def stop_all(services: Services) -> list[str]:
    """Stop the services: Airflow first, then the hosts, then what they all talk to. Returns their names;
    what could not be stopped stays on record."""
    order = ("airflow", "dag-folder", "host-", "site", *SERVERS, "emulator")
    names = sorted(
        services.names(),
        key=lambda name: next((i for i, part in enumerate(order) if name.startswith(part)), len(order)),
    )
    return [name for name in names if services.stop(name)]


def on_a_port(demo: DemoEnvironment, name: str, start: Callable[[], object], steps: Steps) -> None:
    """Start a service that listens, on another port where somebody has its own.

    Raises:
        PortTaken: somebody took each of several ports in the moment between choice and use.
    """
    for _ in range(_PORTS):
        if said := demo.claim_port(name):
            steps.say(f"    {said}")
        try:
            start()
        except PortTaken as error:
            taken = error
            steps.say(f"    {demo.ports.replace(name)}")
        else:
            return
    raise taken


def _deploy(demo: DemoEnvironment, steps: Steps) -> None:
    deployment = demo.deployment
    with steps.step("cdk synth, with all checks", log=deployment.log):
        deployment.synthesize()
    if deployment.is_deployed:
        steps.say("  ✓ the stacks are deployed already, and nothing in them has changed")
        return
    with steps.step("cdk bootstrap", log=deployment.log):
        deployment.bootstrap()
    with steps.step("cdk deploy --all", log=deployment.log):
        deployment.deploy()
    demo.is_deployed_anew = True


def take_databases(
    demo: DemoEnvironment, steps: Steps, given: Mapping[str, dict[str, Any]], *, insist: bool
) -> None:
    """Have the demo read the user's own databases.

    Raises:
        DatabaseOutOfReach: one is on this machine's loopback, and containers are insisted on.
    """
    demo.keep_databases(given)
    for source, secret in sorted(demo.user_secrets.items()):
        how = "as given" if source in given else "its secret is kept"
        steps.say(f"    source {source} reads {secret['host']}:{secret.get('port', '')} ({how})")
        if demo.mode is Mode.CONTAINER and on_this_machine(secret):
            why = f"to a container {secret['host']} is another machine than this one"
            if insist:
                raise DatabaseOutOfReach(
                    f"source {source}: {why}: name an address that it reaches, or `--mode process`"
                )
            steps.say(f"    {why}, so the tasks run as processes with the same entry point")
            demo.mode = Mode.PROCESS


def _build_image(demo: DemoEnvironment, steps: Steps, *, insist: bool) -> None:
    log = demo.directory / "image.log"
    try:
        with steps.step("The image of the ETL container", log=log):
            decoder = image_build.build_with_any_decoder(demo.image, log=log)
        if decoder is image_build.Decoder.NONE:
            steps.say(
                f"    without a C compiler it decodes values in Python, at a tenth of the speed ({log})"
            )
    except image_build.ImageError as error:
        if insist:
            raise
        steps.say(f"{error}\nSo the tasks run as processes with the same entry point, not in containers.")
        demo.mode = Mode.PROCESS


def start_sites(demo: DemoEnvironment, steps: Steps) -> None:
    """Start the local ECS and SSM, a host of each site and Fargate's capacity, where they do not run."""
    if demo.mode is Mode.PROCESS:
        with steps.step("The Python environment of the ETL process"):
            environments.ETL_PROCESS.ensure()
    with steps.step("The local ECS and SSM", log=demo.services.log("site")):
        on_a_port(demo, "site", demo.start_site, steps)
    for name, site in sorted(demo.estate.sites.items()):
        if site.hosts_join:
            with steps.step(f"A host joins site {name} with an activation code"):
                demo.start_host(name)
    with steps.step("Capacity of Fargate"):
        demo.start_fargate()


def start_databases(demo: DemoEnvironment, steps: Steps) -> None:
    """Start the databases that do not run, and fill those of the sources that are empty."""
    made_up = len(demo.user_secrets) < len(demo.estate.sources)
    with steps.step("The databases, with made-up customers" if made_up else "Airflow's database"):
        for engine_name in demo.engines:
            start = demo.database_start(engine_name)
            on_a_port(demo, stand_in(engine_name), start, steps)
        demo.fill_databases()


def start_airflow(demo: DemoEnvironment, steps: Steps) -> None:
    """Bring the files of the DAG bucket to Airflow, and start it where it has to be started anew."""
    with steps.step("Airflow", log=demo.services.log("airflow")):
        demo.start_dag_folder()
        plugins = demo.unpack_plugins()
        on_a_port(demo, "airflow", lambda: demo.start_airflow(plugins), steps)
