"""Partitions are those of the SDK, for every Region that it knows."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from hybrid.estate.partitions import partition_of

_KNOWN = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]


@pytest.mark.parametrize("partition", _KNOWN, ids=[one["id"] for one in _KNOWN])
def test_each_region_of_the_sdk_is_in_its_partition(partition: dict[str, object]) -> None:
    regions = partition["regions"]
    outputs = partition["outputs"]
    assert isinstance(regions, dict)
    assert isinstance(outputs, dict)
    for region in (one for one in regions if not one.endswith("-global")):
        found = partition_of(region)
        assert (found.name, found.domain) == (partition["id"], outputs["dnsSuffix"]), region
