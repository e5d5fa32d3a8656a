"""A data file is completed only where nothing is; a lost answer to a completed upload is no failure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from etl_process import Database, Etl, Outcome, client
from faulty_line import LOSE_ANSWER, Fault, Line, faulty_line

_KEY = "shop/orders/interval=full/one/part-00000.parquet"
_TAKEN = Fault(status=412, code="PreconditionFailed")
_GONE = Fault(status=404, code="NoSuchUpload")


@pytest.fixture
def line(s3: dict[str, str]) -> Iterator[Line]:
    with faulty_line(s3["AWS_ENDPOINT_URL"]) as found:
        yield found


@pytest.fixture
def bucket(s3: dict[str, str], request: pytest.FixtureRequest) -> str:
    name = f"once-{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"
    location = {"LocationConstraint": "eu-west-1"}
    client("s3", s3).create_bucket(Bucket=name, CreateBucketConfiguration=location)
    return name


def _run(etl: Etl, database: Database, s3: dict[str, str], line: Line, bucket: str) -> Outcome:
    environment = s3 | {"HYBRID_LAKE": f"s3://{bucket}", "AWS_ENDPOINT_URL": line.address}
    return etl.run(database, "--attempt", "one", query="select 7 as n", environment=environment)


def _read(s3: dict[str, str], bucket: str, key: str) -> bytes:
    content: bytes = client("s3", s3).get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def _assert_whole(s3: dict[str, str], bucket: str) -> None:
    manifest: dict[str, Any] = json.loads(_read(s3, bucket, "shop/orders/interval=full/_manifest.json"))
    (file,) = manifest["files"]
    assert hashlib.sha256(_read(s3, bucket, file["key"])).hexdigest() == file["sha256"]
    assert client("s3", s3).list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_data_file_that_is_there_is_not_replaced(
    etl: Etl, postgresql: Database, s3: dict[str, str], line: Line, bucket: str
) -> None:
    # Given a file of another run under the name of this attempt
    client("s3", s3).put_object(Bucket=bucket, Key=_KEY, Body=b"of another run")
    # When
    outcome = _run(etl, postgresql, s3, line, bucket)
    # Then
    assert outcome.code == 2, outcome.lines
    assert "there already" in outcome.message
    assert _read(s3, bucket, _KEY) == b"of another run"
    assert client("s3", s3).list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert client("s3", s3).list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


@pytest.mark.parametrize(
    "then",
    [
        pytest.param((), id="S3 answers as before"),
        pytest.param((_TAKEN,), id="S3 finds the object there"),
        pytest.param((_GONE,), id="S3 knows the upload no more"),
    ],
)
def test_a_lost_answer_to_a_completed_upload_does_not_fail_the_run(
    etl: Etl, postgresql: Database, s3: dict[str, str], line: Line, bucket: str, then: tuple[Fault, ...]
) -> None:
    # Given that the upload is completed, but its answer never arrives
    line.script("CompleteMultipartUpload", LOSE_ANSWER, *then)
    # When
    outcome = _run(etl, postgresql, s3, line, bucket)
    # Then
    assert outcome.code == 0, outcome.lines
    assert line.seen.count("CompleteMultipartUpload") == 2
    _assert_whole(s3, bucket)


@pytest.mark.parametrize("code", [_TAKEN, _GONE], ids=["taken", "gone"])
def test_an_upload_that_was_not_completed_is_not_taken_for_one(
    etl: Etl, postgresql: Database, s3: dict[str, str], line: Line, bucket: str, code: Fault
) -> None:
    # Given that nothing was completed: the first try never reached S3
    line.script("CompleteMultipartUpload", Fault(status=503), code)
    # When
    outcome = _run(etl, postgresql, s3, line, bucket)
    # Then
    assert outcome.code != 0
    assert outcome.lines[-1]["level"] == "error"
    keys = [item["Key"] for item in client("s3", s3).list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert "shop/orders/interval=full/_manifest.json" not in keys
    assert client("s3", s3).list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
