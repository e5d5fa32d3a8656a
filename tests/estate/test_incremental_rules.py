"""`validate` refuses what the container would: the rules of the incremental column, by the same cases."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from hybrid.estate.incremental import findings, format_fault
from hybrid.estate.model import Pipeline, Source
from workspace.paths import ROOT

FORMATS = [
    *("%Y%m%d", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y%m", "%Y/%m/%dT%H+00:00"),
    *("%d.%m.%Y", "%y%m%d", "%Y-%j", "%Y%m%d %I:%M", "%Y-%m-%d %S", "%Y'%m", "%Y%m%d%z", "%Y%%", "", "now"),
    *("%Y-%m-%d %H:%M:%S+02:00", "%Y\\%m"),
]


def keys(**declared: Any) -> list[str]:
    base = {"source": "shop", "query": "select 1", "schedule": "@daily"}
    return [key for key, _ in findings(Pipeline(**(base | declared)), uses_interval=True)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("text", FORMATS)
def test_both_sides_judge_a_format_alike(text: str, zone: str) -> None:
    sys.path.insert(0, str(ROOT / "etl"))
    try:
        from hybrid_etl import incremental  # noqa: PLC0415
    finally:
        sys.path.remove(str(ROOT / "etl"))
    assert format_fault(text, zone=zone) == incremental.format_fault(text, zone=zone)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({"incremental_column": "at", "incremental_zone": "Europe/Berlin"}, []),
        ({"incremental_column": "at", "incremental_zone": "Mars/Olympus"}, ["incremental_zone"]),
        ({"incremental_column": "at", "incremental_format": "%d.%m.%Y"}, ["incremental_format"]),
        (
            {"incremental_column": "at", "incremental_unit": "seconds", "incremental_format": "%Y%m%d"},
            ["incremental_format"],
        ),
        ({"settle": 600, "settle_wait": 900, "run_deadline": 1200}, ["settle_wait"]),
        ({"settle": None, "run_deadline": 600}, []),
        ({"incremental_zone": "Europe/Berlin"}, ["incremental_zone"]),
        ({"incremental_column": "at", "overlap": 2}, []),
        ({"incremental_column": "at", "overlap": 2, "schedule": None}, ["overlap"]),
        (
            {
                "incremental_column": "at",
                "overlap": 2,
                "partitions": {"column": "id", "lower": 0, "upper": 9, "count": 2},
            },
            ["overlap"],
        ),
    ],
)
def test_what_does_not_fit_is_found(declared: dict[str, Any], found: list[str]) -> None:
    assert keys(**declared) == found


@pytest.mark.parametrize(
    "name", ["latin1", "cp1252", "euc_jp", "utf8", "utf-16", "rot13", "base64", "punycode", "x", ""]
)
def test_both_sides_judge_an_encoding_alike(name: str) -> None:
    sys.path.insert(0, str(ROOT / "etl"))
    try:
        from hybrid_etl.errors import UserError  # noqa: PLC0415
        from hybrid_etl.text_encoding import codec_of  # noqa: PLC0415
    finally:
        sys.path.remove(str(ROOT / "etl"))

    def taken(judge: Callable[[], object]) -> bool:
        try:
            judge()
        except (UserError, ValueError):
            return False
        return True

    declared = {"site": "cellar", "engine": "postgresql", "encoding": name}
    assert taken(lambda: Source(**declared)) == taken(lambda: codec_of(name, where="the test"))
