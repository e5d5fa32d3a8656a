"""What may not leave as it is."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow.parquet as pq
from etl_process import Database, Etl

_QUERY = (
    "select 1 as id, 'ana@example.org' as email, 'Ana Maria' as name, 'x' as note, 5 as age "
    "union all select 2, null, null, null, null"
)
_MASKS = {
    "email": {"kind": "hash"},
    "name": {"kind": "truncate", "length": 3},
    "note": {"kind": "drop"},
    "age": {"kind": "redact"},
}


def test_masked_values_never_reach_a_file_and_the_receipt_lists_them(
    etl: Etl, any_database: Database
) -> None:
    # Given
    secret = any_database.secret | {"mask_key": "k" * 32}
    # When
    outcome = etl.run(any_database, query=_QUERY, masks=_MASKS, secret=secret)
    # Then
    assert outcome.code == 0, outcome.lines
    expected = hmac.digest(b"k" * 32, b"ana@example.org", hashlib.sha256).hex()
    rows = sorted(pq.read_table(outcome.files[0]).to_pylist(), key=lambda row: row["id"])
    assert rows == [
        {"id": 1, "email": expected, "name": "Ana", "age": "***"},
        {"id": 2, "email": None, "name": None, "age": None},
    ]
    assert outcome.manifest["masked"] == {
        "email": "hash",
        "name": "truncate",
        "note": "drop",
        "age": "redact",
    }
    assert [field["name"] for field in outcome.manifest["schema"]] == ["id", "email", "name", "age"]
    assert b"example.org" not in outcome.files[0].read_bytes()


def test_a_list_of_times_that_a_hash_cannot_take_is_refused_in_words(etl: Etl, postgresql: Database) -> None:
    query = "select 1 as id, array[date '5874897-12-31'] as days"
    secret = postgresql.secret | {"mask_key": "k" * 32}
    outcome = etl.run(postgresql, query=query, masks={"days": {"kind": "hash"}}, secret=secret)
    assert (outcome.code, outcome.manifests) == (2, [])
    assert "cast the column to text" in outcome.message


def test_a_hash_without_a_key_and_a_mask_of_an_unknown_column_are_refused(
    etl: Etl, postgresql: Database
) -> None:
    without_key = etl.run(postgresql, query=_QUERY, masks=_MASKS)
    unknown = etl.run(postgresql, query=_QUERY, masks={"surname": {"kind": "drop"}})
    assert (without_key.code, unknown.code) == (2, 2)
    assert "mask_key" in without_key.message
    assert "surname" in unknown.message
    assert unknown.manifests == []
