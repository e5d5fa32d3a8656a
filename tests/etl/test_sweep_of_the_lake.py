"""What real runs leave in S3 is swept as the model says: named files stay, the others are marked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from etl_process import Database, Etl, client

from hybrid.lake.reading import receipts, visible
from hybrid.lake.sweeping import TAG, sweep

_PREFIX = "shop/orders"


def _tags(store: Any, key: str) -> list[dict[str, str]]:
    return list(store.get_object_tagging(Bucket="swept", Key=key)["TagSet"])


def test_a_superseded_and_a_failed_attempt_are_marked(
    etl: Etl, postgresql: Database, s3: dict[str, str]
) -> None:
    # Given two runs of which the second replaced the first, and one that failed after a file
    store = client("s3", s3)
    store.create_bucket(Bucket="swept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    environment = s3 | {"HYBRID_LAKE": "s3://swept"}
    for _ in range(2):
        outcome = etl.run(postgresql, query="select 1 as n", environment=environment)
        assert outcome.code == 0, outcome.lines
    query = "select n, md5(n::text), 1 / (n - 59999) as x from generate_series(1, 60000) n"
    lines = {"type": "csv", "compression": "none"}
    failed = etl.run(
        postgresql, query=query, format=lines, target_file_bytes=100_000, environment=environment
    )
    assert failed.code == 2, failed.lines
    (receipt,) = visible(list(receipts(store, bucket="swept", prefix=_PREFIX)))
    keys = {entry["Key"] for entry in store.list_objects_v2(Bucket="swept", Prefix=_PREFIX)["Contents"]}
    named = {file["key"] for file in receipt.body["files"]}
    others = keys - named - {receipt.key}
    assert len(others) >= 2

    def swept(days: int, *, apply: bool) -> Any:
        return sweep(
            store,
            bucket="swept",
            prefix=_PREFIX,
            longest_run=timedelta(hours=4),
            now=datetime.now(UTC) + timedelta(days=days),
            apply=apply,
        )

    # When they are young nothing is marked; when they are old, what no receipt names
    assert swept(0, apply=True).marked == []
    assert {one.key for one in swept(3, apply=False).marked} == others
    assert not any(_tags(store, key) for key in keys)
    assert {one.key for one in swept(3, apply=True).marked} == others
    assert {key for key in keys if _tags(store, key)} == others
    assert _tags(store, min(others)) == [{"Key": TAG, "Value": "true"}]
    # Then the receipt is as it was
    body = store.get_object(Bucket="swept", Key=receipt.key)["Body"].read()
    assert json.loads(body) == receipt.body
