"""describe, preview and check: nothing is written."""

from __future__ import annotations

import json

from etl_process import Database, Etl, client

_QUERY = "select 1 as id, 'ana' as name"


def test_describe_says_what_would_be_written(etl: Etl, any_database: Database) -> None:
    digest = etl.specify(any_database, query=_QUERY, masks={"name": {"kind": "redact"}})
    outcome = etl.finish(etl.start("describe", digest, secret=any_database.secret))
    assert outcome.code == 0
    assert [(line["name"], line["type"], line["mask"]) for line in outcome.lines] == [
        ("id", "int32", None),
        ("name", "string", "redact"),
    ]
    assert not etl.lake.exists()


def test_preview_shows_masked_rows_but_never_in_a_task(etl: Etl, any_database: Database) -> None:
    digest = etl.specify(any_database, query=_QUERY, masks={"name": {"kind": "redact"}})
    shown = etl.finish(etl.start("preview", digest, "--rows", "5", secret=any_database.secret))
    assert (shown.code, shown.lines) == (0, [{"id": 1, "name": "***"}])
    task = {"ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:1"}
    refused = etl.finish(etl.start("preview", digest, secret=any_database.secret, environment=task))
    assert refused.code == 2
    assert "log" in refused.message


def test_check_goes_every_way_and_leaves_nothing(
    etl: Etl, any_database: Database, s3: dict[str, str]
) -> None:
    # Given a lake that is there, and one that is not
    store = client("s3", s3)
    bucket = f"check-{any_database.engine}"
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    digest = etl.specify(any_database, query=_QUERY)
    # When
    lakes = [s3 | {"HYBRID_LAKE": f"s3://{name}"} for name in (bucket, "no-such-lake")]
    good, bad = (
        etl.finish(etl.start("check", digest, secret=any_database.secret, environment=e)) for e in lakes
    )
    # Then
    assert good.code == 0, good.lines
    assert bad.code == 2
    assert "no-such-lake" in bad.message
    assert store.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert not store.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert "ana" not in json.dumps(good.lines)


def test_what_is_told_does_not_stand_among_the_rows_of_a_preview(etl: Etl, mariadb: Database) -> None:
    # Given a query of which the server warns, for it takes a text as a number
    digest = etl.specify(mariadb, query="select cast('12 apples' as signed) as apples")

    outcome = etl.finish(etl.start("preview", digest, secret=mariadb.secret))

    assert outcome.lines == [{"apples": 12}]
    assert "1292" in outcome.errors
