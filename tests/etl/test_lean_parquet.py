"""How a run to Parquet stays small: encodings chosen from a sample, nothing loaded without a use."""

from __future__ import annotations

import decimal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from hybrid_etl.writers.encodings import choose_encodings, new_share

_ETL = Path(__file__).resolve().parents[2] / "etl"


def _cents(number: int) -> decimal.Decimal:
    return decimal.Decimal(number).scaleb(-2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([n * 7919 % 2500 for n in range(8192)], pa.date32()), "dictionary"),
        (pa.array(range(8192), pa.int64()), "DELTA_BINARY_PACKED"),
        (pa.array([n // 4 for n in range(8192)], pa.int32()), "DELTA_BINARY_PACKED"),
        (pa.array([_cents(n % 11) for n in range(8192)], pa.decimal128(15, 2)), "dictionary"),
        (pa.array([_cents(n) for n in range(8192)], pa.decimal128(15, 2)), "DELTA_BINARY_PACKED"),
        (pa.array([_cents(n) for n in range(8192)], pa.decimal128(38, 2)), "plain"),
        (pa.array([("REG AIR", "AIR", None)[n % 3] for n in range(8192)]), "dictionary"),
        (pa.array([f"comment {n}" for n in range(8192)]), "DELTA_LENGTH_BYTE_ARRAY"),
        (pa.array([n / 3 for n in range(8192)], pa.float64()), "plain"),
        (pa.array([None] * 8192, pa.string()), "dictionary"),
        (pa.array([], pa.string()), "dictionary"),
    ],
)
def test_an_encoding_follows_from_what_the_rest_of_a_file_will_be_like(
    values: pa.Array, expected: str
) -> None:
    dictionaries, encodings = choose_encodings(pa.table({"column": values}))
    found = "dictionary" if dictionaries else encodings.get("column", "plain")
    assert found == expected


def test_a_sample_is_read_right_wherever_an_array_begins() -> None:
    # Given arrays that are parts of longer ones: of three present values of their second half, one is new
    texts = pa.array(["no", "a", None, "b", "a", None, "c", "b"]).slice(1)
    numbers = pa.array([9, 1, None, 2, 1, None, 3, 2], pa.int16()).slice(1)
    # When
    shares = [new_share(pa.chunked_array([part])) for part in (texts, numbers)]
    # Then
    assert shares == [pytest.approx(1 / 3), pytest.approx(1 / 3)]


def test_a_run_to_parquet_loads_neither_the_kernels_nor_the_file_systems_of_arrow() -> None:
    program = (
        "import sys, hybrid_etl.cli, hybrid_etl.readers.postgresql, hybrid_etl.readers.mysql,"
        " hybrid_etl.writers.parquet\n"
        "print([name for name in ('pyarrow.compute', 'pyarrow.parquet', 'pyarrow.fs') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=_ETL, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
