"""One run, from the specification to the manifest, against real servers."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, client

_ORDERS = (
    "select id, name, cast(amount as decimal(10,2)) as amount from ("
    "select 1 as id, 'one' as name, 12.50 as amount union all "
    "select 2, '', null union all select 3, null, -0.01) t"
)


def test_a_full_run_leaves_files_that_its_manifest_names(etl: Etl, any_database: Database) -> None:
    # When
    outcome = etl.run(any_database, "--attempt", "first", query=_ORDERS)
    # Then
    assert outcome.code == 0, outcome.lines
    manifest = outcome.manifest
    (path,) = outcome.files
    assert manifest["files"][0]["key"] == "shop/orders/interval=full/first/part-00000.parquet"
    assert manifest["interval"] is None
    assert manifest["files"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest["bytes"] == path.stat().st_size
    rows = pq.read_table(path).sort_by("id").to_pylist()
    assert [(row["name"], str(row["amount"])) for row in rows] == [
        ("one", "12.50"),
        ("", "None"),
        (None, "-0.01"),
    ]
    assert manifest["rows"] == 3
    assert manifest["database"]["engine"] == any_database.engine
    shown = "show server_version" if any_database.engine == "postgresql" else "select version()"
    ((version,),) = any_database.say(shown)
    assert manifest["database"]["version"] == version.replace("-", " ").split()[0]
    assert [field["name"] for field in manifest["schema"]] == ["id", "name", "amount"]
    assert manifest["schema"][2]["type"] == "decimal128(10, 2)"


def test_a_run_of_an_interval_reads_its_rows_only_and_a_rerun_replaces_the_manifest(
    etl: Etl, any_database: Database
) -> None:
    # Given
    any_database.say("drop table if exists visits")
    any_database.say("create table visits (id int, at timestamp null)")
    any_database.say(
        "insert into visits values (1, '2026-10-31 23:59:59'), (2, '2026-11-01 00:00:00'), "
        "(3, '2026-11-02 00:00:00')"
    )
    interval = ("--from", "2026-11-01T01:00:00+01:00", "--to", "2026-11-02T00:00:00Z")
    # When
    first = etl.run(
        any_database, *interval, "--attempt", "a", query="select * from visits", incremental_column="at"
    )
    again = etl.run(
        any_database, *interval, "--attempt", "b", query="select * from visits where at >= :from and at < :to"
    )
    # Then
    assert (first.code, again.code) == (0, 0), (first.lines, again.lines)
    (manifest,) = again.manifests
    assert manifest.parent.name == "interval=20261101T000000Z-20261102T000000Z"
    assert again.manifest["attempt"] == "b"
    assert pq.read_table(again.files[0]).column("id").to_pylist() == [2]
    assert again.manifest["interval"] == {
        "from": "2026-11-01T00:00:00+00:00",
        "to": "2026-11-02T00:00:00+00:00",
    }


@pytest.mark.parametrize("value", ["PT", "it's; drop table x -- \\", "日本 😀", ""])
def test_a_parameter_is_bound_whatever_it_holds(etl: Etl, any_database: Database, value: str) -> None:
    # When
    outcome = etl.run(
        any_database,
        query="select 1 as id, ':value' as kept from (select 1 as a) t where :value = :value and :number = 7",
        parameters={"value": value, "number": 7},
    )
    # Then
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"id": 1, "kept": ":value"}]


def test_a_parameter_beside_a_fixed_length_column_is_not_cut(etl: Etl, any_database: Database) -> None:
    # When a text is compared with a char(2)
    outcome = etl.run(
        any_database,
        query="select 1 as id from (select cast('PT' as char(2)) as country) t where country = :country",
        parameters={"country": "PT"},
    )
    # Then it is the whole text that is compared
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == 1


@pytest.mark.parametrize(
    ("kind", "compression", "suffix"),
    [("csv", "none", "csv"), ("csv", "gzip", "csv.gz"), ("csv", "zstd", "csv.zst")],
)
def test_csv_tells_an_empty_text_from_a_null(
    etl: Etl, any_database: Database, kind: str, compression: str, suffix: str
) -> None:
    # When
    outcome = etl.run(any_database, query=_ORDERS, format={"type": kind, "compression": compression})
    # Then
    assert outcome.code == 0, outcome.lines
    (path,) = outcome.files
    assert path.name == f"part-00000.{suffix}"
    with pa.input_stream(str(path), compression=None if compression == "none" else compression) as stream:
        content = stream.read()
    assert content.decode() == '"id","name","amount"\n1,"one",12.50\n2,"",\n3,,-0.01\n'
    options = pa_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    assert pa_csv.read_csv(pa.BufferReader(content), convert_options=options).num_rows == 3


def test_json_lines_hold_one_row_each(etl: Etl, any_database: Database) -> None:
    outcome = etl.run(any_database, query=_ORDERS, format={"type": "jsonl", "compression": "none"})
    assert outcome.code == 0, outcome.lines
    assert [json.loads(line) for line in outcome.files[0].read_text().splitlines()] == [
        {"id": 1, "name": "one", "amount": "12.50"},
        {"id": 2, "name": "", "amount": None},
        {"id": 3, "name": None, "amount": "-0.01"},
    ]


def test_everything_comes_from_aws_and_goes_to_aws(
    etl: Etl, any_database: Database, s3: dict[str, str]
) -> None:
    # Given
    store, secrets = client("s3", s3), client("secretsmanager", s3)
    bucket = f"lake-{any_database.engine}"
    name = f"hybrid/acme/sources/{any_database.engine}"
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    secrets.create_secret(Name=name, SecretString=json.dumps(any_database.secret))
    digest = etl.specify(any_database, query=_ORDERS)
    content = (etl.directory / "specifications" / f"{digest}.json").read_bytes()
    store.put_object(Bucket=bucket, Key=f"pipelines/shop/{digest}.json", Body=content)
    # When
    environment = s3 | {
        "HYBRID_SPECIFICATIONS": f"s3://{bucket}/pipelines/shop",
        "HYBRID_LAKE": f"s3://{bucket}",
        "HYBRID_SECRET": name,
    }
    outcome = etl.finish(etl.start("run", digest, "--attempt", "one", secret={}, environment=environment))
    # Then
    assert outcome.code == 0, outcome.lines
    answer = store.get_object(Bucket=bucket, Key="shop/orders/interval=full/_manifest.json")
    manifest = json.loads(answer["Body"].read())
    (file,) = manifest["files"]
    body = store.get_object(Bucket=bucket, Key=file["key"])["Body"].read()
    assert hashlib.sha256(body).hexdigest() == file["sha256"]
    assert pq.read_table(pa.BufferReader(body)).num_rows == 3
