"""Two runs of one interval at once: what stays visible was read last, whichever of them ends last."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome, client
from faulty_line import LOSE_ANSWER, Fault, Line, faulty_line

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.publication import Publication
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import Seen, open_sink

_RECEIPT = "shop/orders/interval=full/_manifest.json"
_SLOW = {
    "postgresql": "select n, pg_sleep(4)::text as nothing from twice",
    "mariadb": "select n, sleep(4) as nothing from twice",
    "mysql": "select n, sleep(4) as nothing from twice",
}
_FAST = {engine: query.replace("(4)", "(0)") for engine, query in _SLOW.items()}


@pytest.fixture
def twice(each_database: Database) -> Iterator[Database]:
    each_database.say("drop table if exists twice")
    each_database.say("create table twice (n int)")
    each_database.say("insert into twice values (1)")
    yield each_database
    each_database.say("drop table twice")


@pytest.fixture
def line(s3: dict[str, str]) -> Iterator[Line]:
    with faulty_line(s3["AWS_ENDPOINT_URL"]) as found:
        yield found


def _values(path: Path, lake: Path) -> list[int]:
    receipt = json.loads(path.read_text())
    return sorted(n for file in receipt["files"] for n in pq.read_table(lake / file["key"])["n"].to_pylist())


def _read(database: Database) -> None:
    """Wait until the slow query is being answered: its snapshot is taken."""
    running = (
        "select count(*) from pg_stat_activity where query like '%%twice%%' and state = 'active' "
        "and wait_event = 'PgSleep'"
        if database.engine == "postgresql"
        else "select count(*) from information_schema.processlist where state = 'User sleep'"
    )
    deadline = time.monotonic() + 30
    while not database.say(running)[0][0]:
        assert time.monotonic() < deadline, "the slow run does not read"
        time.sleep(0.02)


def _start_slow(etl: Etl, database: Database, **more: Any) -> subprocess.Popen[bytes]:
    started = etl.start(
        "run",
        etl.specify(database, query=_SLOW[database.engine]),
        "--attempt",
        "early",
        secret=database.secret,
        **more,
    )
    _read(database)
    return started


def test_a_run_that_read_earlier_and_ends_later_leaves_the_receipt_of_the_other(
    etl: Etl, twice: Database
) -> None:
    # Given a run that has taken its snapshot and is slow
    slow = _start_slow(etl, twice)
    # When a row comes, and another run of the same interval reads it and lands
    twice.say("insert into twice values (2)")
    late = etl.run(twice, "--attempt", "late", query=_FAST[twice.engine])
    assert late.code == 0, late.lines
    early = etl.finish(slow)
    # Then the row stays visible, and the slow run says what happened
    assert _values(late.manifests[0], etl.lake) == [1, 2]
    assert early.code == 1, early.lines
    assert "attempt late" in early.message
    assert "nothing of this run became visible" in early.message
    assert early.manifests == late.manifests


def test_a_run_that_read_later_replaces_the_receipt_of_one_that_landed_meanwhile(
    etl: Etl, postgresql: Database
) -> None:
    # Given that a run looked at the lake, and another one landed before it read
    settings = Settings(specifications="", lake=f"file://{etl.lake}", secret="")
    publication = Publication.begin(settings, _RECEIPT)
    assert etl.run(postgresql, "--attempt", "first").code == 0
    first = json.loads((etl.lake / _RECEIPT).read_text())
    # When
    later = {"snapshot_time": "2999-01-01T00:00:00+00:00"}
    publication.write(first | {"attempt": "second", "database": first["database"] | later})
    # Then
    assert json.loads((etl.lake / _RECEIPT).read_text())["attempt"] == "second"


def test_a_database_whose_clock_went_back_still_lands(etl: Etl, twice: Database) -> None:
    # Given a receipt of a database whose clock was far ahead
    assert etl.run(twice, "--attempt", "before", query="select n from twice").code == 0
    path = etl.lake / _RECEIPT
    receipt = json.loads(path.read_text())
    receipt["database"]["snapshot_time"] = "2999-01-01T00:00:00+00:00"
    path.write_text(json.dumps(receipt))
    # When it is run again, with no other run beside it
    outcome = etl.run(twice, "--attempt", "after", query="select n from twice")
    # Then
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["attempt"] == "after"


def test_two_runs_in_s3(etl: Etl, twice: Database, s3: dict[str, str]) -> None:
    # Given
    bucket = f"two-runs-{twice.engine}"
    location = {"LocationConstraint": "eu-west-1"}
    client("s3", s3).create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    environment = s3 | {"HYBRID_LAKE": f"s3://{bucket}"}
    slow = _start_slow(etl, twice, environment=environment)
    # When
    twice.say("insert into twice values (2)")
    late = etl.run(twice, "--attempt", "late", query=_FAST[twice.engine], environment=environment)
    assert late.code == 0, late.lines
    early = etl.finish(slow)
    # Then
    assert early.code == 1, early.lines
    body = client("s3", s3).get_object(Bucket=bucket, Key=_RECEIPT)["Body"].read()
    assert json.loads(body)["attempt"] == "late"
    # And a rerun replaces it
    again = etl.run(twice, "--attempt", "again", query="select n from twice", environment=environment)
    assert again.code == 0, again.lines
    body = client("s3", s3).get_object(Bucket=bucket, Key=_RECEIPT)["Body"].read()
    assert (json.loads(body)["attempt"], json.loads(body)["rows"]) == ("again", 2)


@pytest.mark.parametrize("before", [False, True], ids=["first", "rerun"])
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param((LOSE_ANSWER,), id="the answer is lost"),
        pytest.param((Fault(status=503),), id="S3 is busy"),
        pytest.param(
            (Fault(status=409, code="ConditionalRequestConflict"),), id="another write is under way"
        ),
    ],
)
def test_a_receipt_whose_answer_is_lost_is_no_other_runs(
    etl: Etl,
    postgresql: Database,
    s3: dict[str, str],
    line: Line,
    faults: tuple[Fault, ...],
    before: bool,
    request: pytest.FixtureRequest,
) -> None:
    # Given a line that fails at the receipt
    bucket = f"receipt-{abs(hash(request.node.name))}"
    location = {"LocationConstraint": "eu-west-1"}
    client("s3", s3).create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    environment = s3 | {"HYBRID_LAKE": f"s3://{bucket}"}
    if before:
        assert etl.run(postgresql, "--attempt", "before", environment=environment).code == 0
    line.script("PutObject", *faults)
    # When
    outcome = etl.run(
        postgresql, "--attempt", "mine", environment=environment | {"AWS_ENDPOINT_URL": line.address}
    )
    # Then
    assert outcome.code == 0, outcome.lines
    body = client("s3", s3).get_object(Bucket=bucket, Key=_RECEIPT)["Body"].read()
    assert json.loads(body)["attempt"] == "mine"


def test_a_lake_that_may_not_be_read_still_takes_the_receipt(
    etl: Etl, postgresql: Database, s3: dict[str, str], line: Line
) -> None:
    # Given a role that may write only: S3 then refuses to say whether there is a receipt
    bucket = "write-only"
    location = {"LocationConstraint": "eu-west-1"}
    client("s3", s3).create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    line.choose = lambda request: (
        Fault(status=403, code="AccessDenied") if request.operation == "GetObject" else None
    )
    # When
    outcome = etl.run(
        postgresql, environment=s3 | {"HYBRID_LAKE": f"s3://{bucket}", "AWS_ENDPOINT_URL": line.address}
    )
    # Then it lands, and the log says what could not be seen
    assert outcome.code == 0, outcome.lines
    assert "could not be seen" in str(outcome.lines)


PARTITIONS = {"column": "n", "lower": 0, "upper": 2, "count": 2}


@pytest.mark.parametrize(
    ("between", "refused"),
    [
        pytest.param(lambda land: land(0), True, id="another run lands after the first part has read"),
        pytest.param(lambda land: land(1), True, id="another run lands before the commit"),
        pytest.param(lambda _: None, False, id="nobody else"),
    ],
)
def test_the_commit_of_parts_leaves_the_receipt_of_a_later_run(
    etl: Etl, postgresql: Database, between: Callable[[Callable[[int], object]], object], refused: bool
) -> None:
    # Given a receipt of an earlier run, and parts that are read again
    def read(number: int, attempt: str) -> Outcome:
        options = ("--part", str(number), "--attempt", attempt)
        return etl.run(postgresql, *options, query="select 1 as n", partitions=PARTITIONS)

    def commit(parts: str, attempt: str) -> Outcome:
        digest = etl.specify(postgresql, query="select 1 as n", partitions=PARTITIONS)
        return etl.finish(etl.start("commit", digest, "--parts", parts, "--attempt", attempt, secret={}))

    assert [read(number, f"old{number}").code for number in (0, 1)] == [0, 0]
    assert commit("old0,old1", "old").code == 0

    def land_after(part: int) -> Callable[[int], object]:
        def land(wanted: int) -> object:
            if wanted != part:
                return None
            assert [read(number, f"other{number}").code for number in (0, 1)] == [0, 0]
            return commit("other0,other1", "other")

        return land

    for number in (0, 1):
        assert read(number, f"new{number}").code == 0
        # When another run reads and lands in the middle
        between(land_after(number))
    outcome = commit("new0,new1", "new")
    # Then
    assert outcome.code == (1 if refused else 0), outcome.lines
    assert outcome.manifest["attempt"] == ("other" if refused else "new")


def test_a_receipt_that_is_never_the_same_twice_fails_the_run(tmp_path: Path) -> None:
    # Given others that write the receipt before each try
    settings = Settings(specifications="", lake=f"file://{tmp_path}", secret="")
    publication = Publication.begin(settings, _RECEIPT)
    sink = open_sink(settings.lake)
    looks = iter(range(100))

    class Busy:
        def look(self, key: str) -> Seen:
            found = sink.look(key)
            sink.put(key, str(next(looks)).encode())
            return found

        def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
            return over is not None and sink.look(key).tag == over.tag and sink.put(key, content)

    sink.put(_RECEIPT, b"{}")
    publication._sink = Busy()  # type: ignore[assignment]
    # When, Then
    with pytest.raises(Failure, match="by others"):
        publication.write({"attempt": "mine"})


def test_a_receipt_that_came_meanwhile_and_may_not_be_seen_is_not_replaced(tmp_path: Path) -> None:
    # Given a receipt that another run writes, and rights that are taken away then
    settings = Settings(specifications="", lake=f"file://{tmp_path}", secret="")
    publication = Publication.begin(settings, _RECEIPT)
    sink = open_sink(settings.lake)
    sink.put(_RECEIPT, b'{"attempt": "other"}')

    class Closed:
        def look(self, key: str) -> Seen:
            raise UserError(f"Reading {key}: refused")

        def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
            return sink.put(key, content, over=over)

    publication._sink = Closed()  # type: ignore[assignment]
    # When, Then
    with pytest.raises(UserError, match="refused"):
        publication.write({"attempt": "mine"})
    assert sink.read(_RECEIPT) == b'{"attempt": "other"}'
