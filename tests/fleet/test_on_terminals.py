"""`hosts list` and `sites list` on terminals of 40, 80 and 200 columns: whole ids, lines of the width.

Takes about 8 s.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from fleet_estate import DeployedEstate

from workspace.paths import ROOT

pytestmark = pytest.mark.slow

_SPEC = spec_from_file_location("pseudo_terminal", ROOT / "tests" / "cli" / "pseudo_terminal.py")
assert _SPEC is not None
assert _SPEC.loader is not None
terminal = module_from_spec(_SPEC)
_SPEC.loader.exec_module(terminal)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_hosts_and_sites_are_whole_at_every_width(
    deploy: Callable[..., DeployedEstate], columns: int
) -> None:
    # Given two sites, and a host with an id
    estate = deploy(["depot", "regional-data-centre"])
    host = estate.host("rack-1.regional-data-centre.acme.example")
    for group in ("hosts", "sites"):
        # When they are listed on a terminal
        command = [sys.executable, "-m", "hybrid", group, "list", "--estate", str(estate.file)]
        code, text = terminal.written(
            command,
            columns=columns,
            directory=ROOT,
            environment={**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
        )

        # Then names and ids are there as they are, and nothing is wider than the terminal but a single word
        assert code == 0, text
        words = text.split()
        wanted = (host.node, "rack-1.regional-data-centre.acme.example") if group == "hosts" else ("depot",)
        assert set(wanted) <= set(words)
        assert "…" not in text.replace("asking AWS …", "")
        for line in terminal.without_escapes(text).split("\n"):
            longest = max(map(len, re.findall(r"\S+", line)), default=0)
            assert len(line.rstrip()) <= max(columns, longest + 16), line
