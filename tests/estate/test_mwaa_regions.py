"""A Region without Amazon MWAA is told before anything is synthesized."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from hybrid.estate import EstateError, load_estate
from hybrid.estate.mwaa_regions import REGIONS

_ESTATE = """\
environment: {name: acme, region: REGION}
network: {availability_zones: [REGIONa, REGIONb]}
sites: {cellar: {kind: anywhere}}
"""


def _load(tmp_path: Path, region: str) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(_ESTATE.replace("REGION", region))
    load_estate(file)


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1"])
def test_a_region_without_it_is_refused(tmp_path: Path, region: str) -> None:
    with pytest.raises(EstateError) as caught:
        _load(tmp_path, region)

    (problem,) = caught.value.problems
    assert "environment.region: Amazon MWAA was not in" in str(problem)
    assert "us-east-1" in str(problem)


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "eu-north-7"])
def test_one_that_has_it_and_one_that_is_younger_than_the_table_pass(tmp_path: Path, region: str) -> None:
    _load(tmp_path, region)


def test_the_table_is_that_of_the_sdk_that_is_locked() -> None:
    """Write the Regions and the date anew where this fails after an upgrade of botocore."""
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()

    assert {
        region
        for partition in partitions
        for region in session.get_available_regions("mwaa", partition_name=partition)
    } == REGIONS
