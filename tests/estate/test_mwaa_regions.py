"""A Region without Amazon MWAA is told before anything is synthesized."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from hybrid.estate import EstateError, load_estate
from hybrid.estate.model import Estate
from hybrid.estate.mwaa_regions import CHINA_PREFIX, READ_ON, REGIONS, WITH_OPS, WITHOUT_OPS
from hybrid.estate.regions import region_warnings
from workspace.paths import ROOT

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


def _warned(region: str, egress: str) -> list[str]:
    estate = {
        "environment": {"name": "acme", "region": region},
        "network": {"availability_zones": [f"{region}a", f"{region}b"], "egress": egress},
        "sites": {"cellar": {"kind": "anywhere"}},
    }
    return [told for _, told in region_warnings(Estate.model_validate(estate))]


@pytest.mark.parametrize("region", ["eu-west-2", "cn-north-1"])
def test_endpoints_that_could_not_be_read_up_are_told_where_they_are_made(region: str) -> None:
    (told,) = _warned(region, "endpoints")

    assert f"which endpoints of MWAA `{region}` has was not to be read up on" in told
    assert f"aws ec2 describe-vpc-endpoint-services --region {region}" in told
    assert _warned(region, "nat") == []


@pytest.mark.parametrize("region", ["eu-west-1", "us-west-1"])
def test_of_the_others_nothing_is_told(region: str) -> None:
    assert _warned(region, "endpoints") == []


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "regions.md").read_text(encoding="utf-8")

    assert f"{READ_ON:%Y-%m-%d}" in page
    assert CHINA_PREFIX in page
    for row, regions in (("| it is there |", WITH_OPS), ("| it is not there |", WITHOUT_OPS)):
        (line,) = [line for line in page.splitlines() if line.startswith(row)]
        assert line.removeprefix(row).strip(" |") == ", ".join(f"`{one}`" for one in sorted(regions))
    (line,) = [line for line in page.splitlines() if line.startswith("| MWAA itself |")]
    assert sorted(line.split("|")[2].replace("`", "").replace(",", " ").split()) == sorted(REGIONS)
