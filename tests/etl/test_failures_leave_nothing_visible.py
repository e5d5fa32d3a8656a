"""A run that fails says in one sentence what to do, has the right exit code, and nothing becomes visible."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from credentials_endpoint import credentials_endpoint
from etl_process import Database, Etl, Outcome, client
from faulty_line import Fault, faulty_line

from hybrid_etl import aws
from hybrid_etl.errors import Terminated
from hybrid_etl.sinks.s3 import open_sink

_SLOW = {
    "postgresql": "select n, repeat(md5(n::text), 20) as filler from generate_series(1, 3000000) n",
    "mariadb": "select seq, repeat(md5(seq), 20) as filler from seq_1_to_3000000",
}


def _assert_one_sentence(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome.lines
    assert outcome.lines[-1]["level"] == "error"
    for word in words:
        assert word in outcome.message
    assert "Traceback" not in outcome.errors
    assert outcome.errors == ""
    assert outcome.manifests == []


def test_a_wrong_password_is_the_users_and_is_not_tried_again(etl: Etl, any_database: Database) -> None:
    outcome = etl.run(any_database, secret=any_database.secret | {"password": "s3cr3t-typo"})
    _assert_one_sentence(outcome, 2, "etl", str(any_database.server.port))
    assert "s3cr3t-typo" not in json.dumps(outcome.lines)
    assert len(outcome.lines) == 2


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("select * from no_such_table", "no_such_table"),
        ("select no_such_column from (select 1 as one) t", "no_such_column"),
        ("selekt 1", "selekt"),
        ("select 1 as one, 2 as one", "one"),
        ("select :unknown as value", "unknown"),
        ("select 1 as one where :from < :to", "--from"),
    ],
)
def test_a_wrong_query_is_the_users(etl: Etl, any_database: Database, query: str, word: str) -> None:
    _assert_one_sentence(etl.run(any_database, query=query), 2, word)


def test_a_query_that_fails_on_a_row_does_not_tell_the_row(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(
        postgresql, query="select cast('confidential' || n as int) as n from generate_series(1, 3) n"
    )
    _assert_one_sentence(outcome, 2, "22P02")
    assert "confidential" not in json.dumps(outcome.lines)


def test_a_database_that_is_down_is_a_failure_after_some_tries(etl: Etl, any_database: Database) -> None:
    outcome = etl.run(any_database, secret=any_database.secret | {"port": 1})
    _assert_one_sentence(outcome, 1, "127.0.0.1:1")
    assert len([line for line in outcome.lines if line["level"] == "warning"]) == 5


def test_a_query_over_its_time_ends(etl: Etl, any_database: Database) -> None:
    sleep = "pg_sleep(60)::text" if any_database.engine == "postgresql" else "sleep(60)"
    outcome = etl.run(
        any_database,
        query=f"select {sleep} as nothing",
        limits={"statement_timeout_seconds": 1, "lock_timeout_seconds": 1, "bytes_per_second": None},
    )
    # MariaDB's sleep() answers 1 when it is interrupted by the limit
    if any_database.engine == "postgresql":
        _assert_one_sentence(outcome, 1, "statement_timeout")
    assert outcome.seconds < 30


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_connection_that_is_cut_in_the_middle_fails_the_run(
    etl: Etl, any_database: Database, decoder: str, native_decoder: None
) -> None:
    # Given a run that is reading
    process = _start(etl, any_database, decoder=decoder)
    _until(lambda: bool(list(etl.lake.rglob("*.unfinished"))))
    # When the server ends its session
    if any_database.engine == "postgresql":
        any_database.say(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name like 'hybrid-etl%%'"
        )
    else:
        for (number,) in any_database.say(
            "select id from information_schema.processlist "
            "where info like '%%seq_1_to_3000000%%' and id <> connection_id()"
        ):
            any_database.say(f"kill {number}")
    outcome = etl.finish(process)
    # Then
    _assert_one_sentence(outcome, 1)
    assert list(etl.lake.rglob("part-*")) == []
    assert list(etl.lake.rglob(".*.unfinished")) == []


def test_sigterm_takes_everything_back_within_ten_seconds(
    etl: Etl, any_database: Database, s3: dict[str, str], native_decoder: None
) -> None:
    # Given a run whose upload has begun
    store = client("s3", s3)
    bucket = f"term-{any_database.engine}"
    store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    process = _start(etl, any_database, decoder="native", environment=s3 | {"HYBRID_LAKE": f"s3://{bucket}"})
    _until(lambda: bool(store.list_multipart_uploads(Bucket=bucket).get("Uploads")))
    # When
    process.send_signal(signal.SIGTERM)
    outcome = etl.finish(process, timeout=30)
    # Then
    assert outcome.seconds < 10
    assert outcome.code == 1
    assert "SIGTERM" in outcome.message
    assert store.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert store.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    _until(lambda: not _sessions(any_database))


def test_sigterm_ends_the_statement_that_the_database_is_busy_with(etl: Etl, any_database: Database) -> None:
    # Given a run for which the database works without a row to send, so that it does not look at the line
    pauses = {"postgresql": "select pg_sleep(90)::text as s", "mariadb": "select sleep(90) as s"}
    digest = etl.specify(any_database, query=pauses[any_database.engine])
    process = etl.start("run", digest, secret=any_database.secret)
    running = (
        "select count(*) from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'"
        if any_database.engine == "postgresql"
        else "select count(*) from information_schema.processlist where state = 'User sleep'"
    )
    _until(lambda: any_database.say(running)[0][0] == 1)
    # When
    process.send_signal(signal.SIGTERM)
    outcome = etl.finish(process, timeout=30)
    # Then the database is at rest
    assert (outcome.code, outcome.seconds < 10) == (1, True), outcome.lines
    _until(lambda: any_database.say(running)[0][0] == 0)


def test_sigterm_ends_a_run_within_ten_seconds_though_s3_no_longer_answers(
    etl: Etl, postgresql: Database, s3: dict[str, str], native_decoder: None
) -> None:
    # Given a run with several files open, to a store that has stopped answering
    client("s3", s3).create_bucket(
        Bucket="silent", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with faulty_line(s3["AWS_ENDPOINT_URL"]) as line:
        line.choose = lambda request: Fault(wait=30) if request.operation == "UploadPart" else None
        query = f"select n % 3 as part, q.* from ({_SLOW['postgresql']}) q"
        digest = etl.specify(
            postgresql, query=query, partition_by=["part"], format={"type": "csv", "compression": "none"}
        )
        variables = s3 | {"HYBRID_LAKE": "s3://silent", "AWS_ENDPOINT_URL": line.address}
        process = etl.start("run", digest, secret=postgresql.secret, environment=variables)
        _until(lambda: "UploadPart" in line.seen)
        line.choose = lambda _: Fault(wait=30)
        # When
        process.send_signal(signal.SIGTERM)
        outcome = etl.finish(process, timeout=60)
    # Then
    assert outcome.seconds < 10
    assert outcome.code == 1
    assert "SIGTERM" in outcome.message
    assert outcome.errors == ""


def test_credentials_that_run_out_during_a_run_are_fetched_again(
    etl: Etl, postgresql: Database, s3: dict[str, str], native_decoder: None
) -> None:
    # Given a task's credentials that are about to run out whenever they are fetched
    client("s3", s3).create_bucket(
        Bucket="refreshed", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with faulty_line(s3["AWS_ENDPOINT_URL"]) as line, credentials_endpoint(timedelta(seconds=30)) as given:
        variables = {
            "HYBRID_LAKE": "s3://refreshed",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": line.address,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": given.address,
        }
        # When
        outcome = etl.run(postgresql, query="select 1 as one", environment=variables)
    # Then every request is signed with credentials that were still good, each with others than the one before
    assert outcome.code == 0, outcome.lines
    assert given.given >= 3
    assert len(set(line.signed_by)) >= 3


def test_a_bucket_that_does_not_exist_is_the_users(
    etl: Etl, postgresql: Database, s3: dict[str, str]
) -> None:
    outcome = etl.run(postgresql, environment=s3 | {"HYBRID_LAKE": "s3://no-such-bucket"})
    _assert_one_sentence(outcome, 2, "no-such-bucket")


def test_an_altered_specification_is_refused(etl: Etl, postgresql: Database) -> None:
    digest = etl.specify(postgresql)
    file = etl.directory / "specifications" / f"{digest}.json"
    file.write_bytes(file.read_bytes().replace(b"select 1", b"select 2"))
    outcome = etl.finish(etl.start("run", digest, secret=postgresql.secret))
    _assert_one_sentence(outcome, 2, digest, "altered")


def test_a_failed_rerun_leaves_the_run_before_it_as_it_was(etl: Etl, postgresql: Database) -> None:
    # Given
    first = etl.run(postgresql, "--attempt", "first")
    assert first.code == 0
    before = first.manifests[0].read_bytes()
    # When
    outcome = etl.run(
        postgresql, "--attempt", "second", query="select 1 / (n - 2) as one from generate_series(1, 2) n"
    )
    # Then
    assert outcome.code == 2
    assert first.manifests[0].read_bytes() == before
    assert first.files[0].exists()


def test_a_site_line_is_not_filled_beyond_its_limit(etl: Etl, postgresql: Database) -> None:
    query = "select md5(n::text) as noise from generate_series(1, 60000) n"
    limits = {"statement_timeout_seconds": 60, "lock_timeout_seconds": 5, "bytes_per_second": 500_000}
    outcome = etl.run(postgresql, query=query, limits=limits)
    assert outcome.code == 0, outcome.lines
    assert outcome.seconds >= outcome.manifest["bytes"] / 500_000


def _start(
    etl: Etl, database: Database, *, decoder: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    digest = etl.specify(
        database, query=_SLOW[database.engine], format={"type": "csv", "compression": "none"}
    )
    variables = {"HYBRID_DECODER": decoder} | (environment or {})
    return etl.start("run", digest, secret=database.secret, environment=variables)


def _sessions(database: Database) -> list[tuple[Any, ...]]:
    if database.engine == "postgresql":
        return database.say(
            "select pid from pg_stat_activity where application_name like 'hybrid-etl%%' and state = 'active'"
        )
    return database.say(
        "select id from information_schema.processlist "
        "where info like '%%seq_1_to_3000000%%' and id <> connection_id()"
    )


def _until(condition: Any, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def test_an_upload_that_begins_while_the_run_is_stopped_is_taken_back(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an S3 that has begun an upload, and whose answer is still on its way
    store = client("s3", s3)
    store.create_bucket(Bucket="begun", CreateBucketConfiguration={"LocationConstraint": s3["AWS_REGION"]})
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    aws._session.cache_clear()
    sink = open_sink("s3://begun", bytes_per_second=None, target_file_bytes=1)
    create = sink._client.create_multipart_upload

    def slowly(**arguments: Any) -> Any:
        answer = create(**arguments)
        time.sleep(1)
        return answer

    monkeypatch.setattr(sink._client, "create_multipart_upload", slowly)
    file = sink.open("p/part.parquet")

    # When the run is stopped then
    def stop(*_: object) -> None:
        raise Terminated("stopped")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(Terminated):
            file.write(bytes(6 * 1024 * 1024))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert store.list_multipart_uploads(Bucket="begun").get("Uploads", []) != []
    file.abort()

    # Then nothing of it stays
    assert store.list_multipart_uploads(Bucket="begun").get("Uploads", []) == []
