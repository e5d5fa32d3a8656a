"""A value of another kind than the contract says is the user's to correct, never an unforeseen error."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_etl.errors import UserError
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification
from hybrid_etl.specification_shape import KNOWN

_ROOT = Path(__file__).resolve().parents[2]

LEAST = {
    "version": 1, "estate": "acme", "site": "depot", "source": "crm", "pipeline": "customers",
    "engine": "postgresql", "query": "select a from t", "prefix": "raw/customers",
}  # fmt: skip
READS_AN_INTERVAL = LEAST | {"incremental_column": "changed"}
OBJECT, LIST, TEXT = {"a": {"a": 1}}, [[1]], "x"
HUGE, ENDLESS = 10**400, float("inf")

WRONG: dict[str, list[Any]] = {
    "format": [TEXT, LIST, 1, True, {"type": {}}, {"type": []}, {"compression": []}],
    "limits": [TEXT, LIST, 1, {"statement_timeout_seconds": ENDLESS}, {"connections": HUGE}],
    "masks": [TEXT, LIST, 1, {"a": TEXT}],
    "parameters": [TEXT, LIST, 1],
    "expect": [TEXT, LIST, 1],
    "partition_by": [TEXT, LIST, 1, OBJECT, [None]],
    "columns": [TEXT, LIST, 1, OBJECT],
    "incremental_column": [OBJECT, LIST, 1],
    "incremental_zone": [OBJECT, LIST, 1],
    "incremental_unit": [OBJECT, LIST, 1],
    "incremental_format": [OBJECT, LIST, 1],
    "incremental_nulls": [OBJECT, LIST, 1],
    "settle": [OBJECT, LIST, TEXT, ENDLESS, HUGE, float("nan")],
    "settle_wait": [OBJECT, LIST, TEXT, ENDLESS, HUGE],
    "select_star": [TEXT, LIST, 1],
    "encoding": [OBJECT, LIST, 1],
    "engine": [OBJECT, LIST, 1],
    "on_drift": [OBJECT, LIST, 1],
    "partitions": [TEXT, LIST, 1, OBJECT],
    "target_file_bytes": [OBJECT, LIST, TEXT, HUGE],
    "most_rows": [OBJECT, LIST, TEXT, HUGE],
}


def parse(document: object) -> Specification:
    return parse_text(json.dumps(document))


def parse_text(text: str) -> Specification:
    content = text.encode()
    return Specification.parse(content, digest=hashlib.sha256(content).hexdigest(), where="s3://b/p.json")


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_value_of_another_kind_is_refused_with_its_key(key: str, value: object) -> None:
    with pytest.raises(UserError, match=key) as refused:
        parse(READS_AN_INTERVAL | {key: value})
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("key", sorted(set(WRONG) - {"engine", "partitions", "incremental_column"}))
def test_what_is_left_out_is_no_other_kind(key: str) -> None:
    assert parse(READS_AN_INTERVAL).pipeline == "customers"
    assert key not in READS_AN_INTERVAL


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[1]", "1", '{"a": "secret words'])
def test_what_is_no_object_or_nested_without_end_is_refused_without_its_words(text: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_text(text)
    assert "secret words" not in str(refused.value)
    with pytest.raises(UserError) as refused:
        Secret.parse(text, where="hybrid/acme/sources/crm", default_port=5432)
    assert "secret words" not in str(refused.value)


@pytest.mark.parametrize("port", ["1e999", "-1", "1.5", "[]", "{}", "true", "99999999999999999999"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    text = f'{{"host": "h", "port": {port}, "username": "u", "password": "p", "dbname": "d"}}'
    with pytest.raises(UserError, match="port is not a number from 1 to 65535"):
        Secret.parse(text, where="hybrid/acme/sources/crm", default_port=5432)


def test_a_key_that_this_container_does_not_know_is_refused() -> None:
    # An image may be older than the estate file: a site can name one
    with pytest.raises(UserError, match="'hide' is unknown to this container; deploy the matching image"):
        parse(LEAST | {"hide": ["name"]})
    assert parse(LEAST | {"hide": None}).pipeline == "customers"


def test_the_keys_that_it_knows_are_those_of_the_contract() -> None:
    contract = json.loads((_ROOT / "contracts/schemas/specification.schema.json").read_text(encoding="utf-8"))
    assert set(contract["properties"]) == KNOWN
