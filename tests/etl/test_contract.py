"""The container against contracts/, which the command line's and the DAGs' tests read too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.secret import Secret

_CASES = Path(__file__).resolve().parents[2] / "contracts" / "cases"
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


def _cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_CASES / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("case", _cases("secrets"), ids=str)
def test_a_secret_is_taken_for_what_it_means_or_refused(case: dict[str, Any]) -> None:
    def parsed() -> Secret:
        text, engine = json.dumps(case["secret"]), case["engine"]
        return Secret.parse(text, where="of the source", default_port=_PORTS[engine], engine=engine)

    if "refused" in case:
        with pytest.raises(UserError, match=case["refused"]):
            parsed()
    else:
        found = parsed()
        assert {key: getattr(found, key) for key in case["means"]} == case["means"]


@pytest.mark.parametrize("case", _cases("intervals"), ids=str)
def test_an_interval_lands_in_its_directory_or_is_refused(case: dict[str, Any]) -> None:
    def directory() -> str:
        return directory_of(Interval.parse(case["from"], case["to"], full=case.get("full", False)))

    if "refused" in case:
        with pytest.raises(UserError):
            directory()
    else:
        assert directory() == case["directory"]


def test_the_engines_of_the_contract_are_those_of_the_container() -> None:
    """Make the file anew with `bin/hybrid docs generate`."""
    kept = json.loads((_CASES.parent / "engines.json").read_text())

    assert kept == json.loads(json.dumps({name: asdict(engine) for name, engine in ENGINES.items()}))


def test_the_engines_are_printed_as_the_contract_has_them() -> None:
    # Given the command that the contract's file is made with
    root = _CASES.parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "hybrid_etl.engines"],
        env={**os.environ, "PYTHONPATH": str(root / "etl")},
        capture_output=True,
        text=True,
        check=True,
    )

    # Then it prints that file
    assert json.loads(done.stdout) == json.loads((root / "contracts" / "engines.json").read_text())
