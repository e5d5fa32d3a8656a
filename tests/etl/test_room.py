"""The room of one long value, in numbers: a seventh of what the memory limit leaves."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

_MIB = 1024 * 1024
_ASK = """
import json, re, resource
from pathlib import Path
from hybrid_etl import room
from hybrid_etl.errors import UserError
try:
    room.refuse_beyond(2**40, lambda: ("photo", 2**40))
except UserError as error:
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    print(json.dumps({"said": str(error), "data": data}))
"""


def test_a_limit_leaves_a_seventh_of_its_rest_for_a_value_and_says_so_in_mebibytes() -> None:
    # Given a process with two gibibytes for its data
    limit = 2048 * _MIB
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "etl")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    found = json.loads(done.stdout)

    # Then a value of a tebibyte is refused: what is not in use, less 24 MiB, holds one seven times
    largest = (limit - found["data"] - 24 * _MIB) // 7 // _MIB
    near = {f"holds values up to {mebibytes} MiB" for mebibytes in range(largest - 2, largest + 3)}
    assert "Column photo has a value of 1048576 MiB; a memory limit of 2048 MiB" in found["said"]
    assert any(words in found["said"] for words in near), (found, largest)
