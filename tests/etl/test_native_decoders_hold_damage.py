"""The native decoders under address and undefined-behaviour sanitizers, fed right and damaged rows.

`HYBRID_TEST_FUZZ_CASES` and `HYBRID_TEST_FUZZ_SEED` make a campaign of it: a million cases take a minute.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from hybrid_etl.native.sources import DIRECTORY

HARNESS = Path(__file__).parent / "native" / "fuzz.c"
SANITIZED = ("-std=gnu11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("gcc, whose sanitizers are used, is not installed")
    program = tmp_path_factory.mktemp("native") / "fuzz"
    sources = [str(path) for path in sorted(DIRECTORY.glob("*.c"))]
    command = ["gcc", *SANITIZED, "-Wall", "-Wextra", "-Werror", f"-I{DIRECTORY}", str(HARNESS), *sources]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


@pytest.mark.slow
def test_damaged_rows_come_to_rows_or_to_a_fault(fuzz: Path) -> None:
    # Given a seed, which is printed so that a failure can be had again
    seed = os.environ.get("HYBRID_TEST_FUZZ_SEED") or str(random.randrange(2**32))
    cases = os.environ.get("HYBRID_TEST_FUZZ_CASES") or "40000"

    # When rows of both engines, and texts of CSV, are fed as they are and damaged
    done = subprocess.run([str(fuzz), seed, cases], capture_output=True, text=True, check=False)

    # Then no access, shift or sum is undefined, and what left was whole
    assert done.returncode == 0, f"HYBRID_TEST_FUZZ_SEED={seed}\n{done.stderr}"
    assert done.stdout == f"{cases} cases of each decoder held\n"
