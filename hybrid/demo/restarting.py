"""Ends services of a running demo and starts them again, as they were."""

from __future__ import annotations

from collections.abc import Callable, Collection

from hybrid.demo.house import House
from hybrid.demo.steps import Steps

#: In this order they start, and in the other one they end.
_ORDER = ("emulator", "site", "postgresql", "mariadb", "host-", "dag-folder", "airflow")


def restart(house: House, names: Collection[str], steps: Steps) -> None:
    """Restart services; what they keep stays.

    Args:
        house: the house, whose services they are.
        names: of the services.
        steps: where progress goes.

    Raises:
        ServiceError: one did not come up; its message says why.
    """
    ordered = sorted(names, key=_place)
    for name in reversed(ordered):
        house.services.stop(name)
    for name in ordered:
        with steps.step(name, log=house.services.log(name)):
            _start(house, name)()


def _place(name: str) -> int:
    return next((place for place, part in enumerate(_ORDER) if name.startswith(part)), len(_ORDER))


def _start(house: House, name: str) -> Callable[[], object]:
    if name == "host-fargate":
        return house.start_fargate
    if name.startswith("host-"):
        return lambda: house.start_host(name.removeprefix("host-"))
    return {
        "emulator": house.start_emulator,
        "site": house.start_site,
        "postgresql": house.database_start("postgresql"),
        "mariadb": house.database_start("mariadb"),
        "dag-folder": house.start_dag_folder,
        "airflow": lambda: house.start_airflow(house.unpack_plugins()),
    }[name]
