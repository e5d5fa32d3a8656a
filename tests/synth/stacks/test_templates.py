"""The templates as a whole: a change that nobody meant is seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

PARTS = ("network", "storage", "site-headquarters", "site-on-premises", "airflow", "dags", "observability")


@pytest.mark.parametrize("part", PARTS)
def test_the_template_is_the_one_that_was_reviewed(
    estate_assembly: Any, snapshot: SnapshotAssertion, part: str
) -> None:
    template = _without_hashes(estate_assembly.template(part))

    assert template == snapshot(extension_class=JSONSnapshotExtension, name=part)


def test_there_is_one_stack_for_each_part(estate_assembly: Any) -> None:
    assert set(estate_assembly.templates()) == {f"hybrid-acme-{part}" for part in PARTS}


def _without_hashes(value: Any) -> Any:
    """The template without what changes with every release of a library or byte of an asset."""
    match value:
        case str():
            return re.sub(r"[0-9a-f]{64}", "HASH", value)
        case dict():
            return {key: _without_hashes(inner) for key, inner in value.items()}
        case list():
            return [_without_hashes(inner) for inner in value]
    return value
