"""Which AWS Regions there are, as the AWS SDK of this environment knows them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hybrid.estate.document import Finding
from hybrid.estate.model import Estate
from hybrid.estate.mwaa_regions import of_endpoints, without_mwaa


def region_warnings(estate: Estate) -> Iterator[Finding]:
    """A Region that nobody knows is most likely misspelled; a new one is younger than the SDK."""
    region, known = estate.environment.region, _known()
    if known and region not in known:
        [near, *_] = difflib.get_close_matches(region, known, n=1, cutoff=0) or [""]
        yield (
            ("environment", "region"),
            f"`{region}` is no AWS Region that the AWS SDK here knows; did you mean `{near}`?",
        )

    if estate.network.egress == "endpoints" and (told := of_endpoints(region)):
        yield ("network", "egress"), told


def region_findings(estate: Estate) -> Iterator[Finding]:
    """A Region without Amazon MWAA: the synthesis fails there, or the deployment after half an hour."""
    if told := without_mwaa(estate.environment.region, known=_known()):
        yield ("environment", "region"), told


@cache
def _known() -> frozenset[str]:
    """Codes of the Regions; none where the file is not there. Read as data: importing botocore takes long."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        origin = getattr(find_spec("botocore"), "origin", None)
        text = (Path(str(origin)).parent / "data" / "partitions.json").read_text(encoding="utf-8")
        partitions = json.loads(text)["partitions"]
        return frozenset(region for partition in partitions for region in partition["regions"])
    return frozenset()
