"""SIGKILL at random moments: a reader that follows manifests sees a whole run or the one before, never less.

HYBRID_TEST_KILLS sets how many (default 6), HYBRID_TEST_SEED the moments; the seed is printed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from etl_process import Database, Etl, client

_ROWS = 400_000
_QUERY = {
    "postgresql": "select n, md5(n::text) || md5((n * 7)::text) as noise from generate_series(1, {rows}) n",
    "mariadb": "select seq as n, concat(md5(seq), md5(seq * 7)) as noise from seq_1_to_{rows}",
}


def test_a_kill_at_any_moment_leaves_a_whole_run_or_the_one_before(
    etl: Etl, any_database: Database, s3: dict[str, str], native_decoder: None
) -> None:
    kills = int(os.environ.get("HYBRID_TEST_KILLS", "6"))
    seed = int(os.environ.get("HYBRID_TEST_SEED") or random.randrange(2**32))
    print(f"HYBRID_TEST_SEED={seed} HYBRID_TEST_KILLS={kills}")
    moments = random.Random(seed)
    store = client("s3", s3)
    bucket = f"kill-{any_database.engine}"
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    environment = s3 | {"HYBRID_LAKE": f"s3://{bucket}"}
    digest = etl.specify(
        any_database, query=_QUERY[any_database.engine].format(rows=_ROWS), target_file_bytes=4_000_000
    )
    # Given how long a whole run takes
    started = time.monotonic()
    first = etl.start(
        "run", digest, "--attempt", "whole", secret=any_database.secret, environment=environment
    )
    assert etl.finish(first).code == 0
    usual = time.monotonic() - started
    before = _visible(store, bucket)
    finished = 0
    for number in range(kills):
        # When
        process = etl.start(
            "run", digest, "--attempt", f"try-{number}", secret=any_database.secret, environment=environment
        )
        time.sleep(moments.uniform(0, usual * 1.1))
        process.kill()
        process.communicate()
        finished += process.returncode == 0
        # Then
        now = _visible(store, bucket)
        assert now["attempt"] in (before["attempt"], f"try-{number}")
        assert process.returncode != 0 or now["attempt"] == f"try-{number}"
        before = now
    # And a run after all that is whole
    last = etl.start("run", digest, "--attempt", "last", secret=any_database.secret, environment=environment)
    assert etl.finish(last).code == 0
    assert _visible(store, bucket)["attempt"] == "last"
    print(f"{kills - finished} of {kills} runs were killed")


def _visible(store: Any, bucket: str) -> dict[str, Any]:
    """What a reader sees: the manifest, after every file that it names was found whole."""
    body = store.get_object(Bucket=bucket, Key="shop/orders/interval=full/_manifest.json")["Body"].read()
    manifest: dict[str, Any] = json.loads(body)
    rows = 0
    for file in manifest["files"]:
        content = store.get_object(Bucket=bucket, Key=file["key"])["Body"].read()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        rows += pq.read_metadata(pa.BufferReader(content)).num_rows
    assert rows == manifest["rows"] == _ROWS
    return manifest
