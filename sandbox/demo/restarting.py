"""Ends services of a running demo and starts them again, as they were."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sandbox.demo.environment import DemoEnvironment
from sandbox.services.databases import SERVERS
from workspace.steps import Steps

#: In this order they start, and in the other one they end.
_ORDER = ("emulator", "site", *SERVERS, "host-", "dag-folder", "airflow")


def restart(demo: DemoEnvironment, names: Collection[str], steps: Steps) -> None:
    """Restart services; what they keep stays.

    Args:
        demo: the demo, whose services they are.
        names: of the services.
        steps: where progress goes.

    Raises:
        ServiceError: one did not come up; its message says why.
    """
    ordered = sorted(names, key=_place)
    for name in reversed(ordered):
        demo.services.stop(name)
    for name in ordered:
        with steps.step(name, log=demo.services.log(name)):
            _start(demo, name)()


def _place(name: str) -> int:
    return next((place for place, part in enumerate(_ORDER) if name.startswith(part)), len(_ORDER))


def _start(demo: DemoEnvironment, name: str) -> Callable[[], object]:
    if name == "host-fargate":
        return demo.start_fargate
    if name.startswith("host-"):
        return lambda: demo.start_host(name.removeprefix("host-"))
    return {
        "emulator": demo.start_emulator,
        "site": demo.start_site,
        **{name: demo.database_start(name) for name in SERVERS},
        "dag-folder": demo.start_dag_folder,
        "airflow": lambda: demo.start_airflow(demo.unpack_plugins()),
    }[name]
