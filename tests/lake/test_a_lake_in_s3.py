"""The commands of the lake on S3, as the emulator answers it: pages, ranges, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from sandbox.services.emulator import Emulator
from tests.lake.conftest import CUSTOMERS, day, land
from workspace import environments
from workspace.paths import ROOT

pytestmark = pytest.mark.servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: More than a page of S3 has.
_DAYS = 1_010
_BUCKET = "lakeside-lake"
_TEMPLATE = {
    "Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": _BUCKET}}},
    "Outputs": {"LakeBucketName": {"Value": {"Ref": "Lake"}}},
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    python = environments.EMULATOR.ensure().python
    with Emulator(tmp_path_factory.mktemp("aws") / "emulator", port=port, python=python) as running:
        yield running


def client(emulator: Emulator, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=16),
    )


def upload(s3: Any, root: Path) -> None:
    def put(path: Path) -> None:
        s3.put_object(Bucket=_BUCKET, Key=path.relative_to(root).as_posix(), Body=path.read_bytes())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, [path for path in root.rglob("*") if path.is_file()]))


@pytest.fixture(scope="module")
def s3(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """S3 with the estate's lake: a snapshot, and as many days of another pipeline as make two pages."""
    client(emulator, "cloudformation").create_stack(
        StackName="hybrid-lakeside-storage", TemplateBody=json.dumps(_TEMPLATE)
    )
    store = client(emulator, "s3")
    root = tmp_path_factory.mktemp("landed")
    of_daily = {
        "pipeline": "daily",
        "schema": {"id": "int32", "note": "string"},
        "rows": [{"id": 7, "note": "x"}],
    }
    land(root, [CUSTOMERS, {**of_daily, "interval": day(1), "times": _DAYS}])
    upload(store, root)
    # An interval whose run failed: files and no receipt
    store.put_object(
        Bucket=_BUCKET,
        Key="shop/daily/interval=20400101T000000Z-20400102T000000Z/a/part-00000.parquet",
        Body=b"x",
    )
    return store


@pytest.fixture
def aws(emulator: Emulator) -> dict[str, str]:
    return emulator.client_environment()


def test_ls_reads_more_than_a_page_of_receipts_in_seconds(lake: Run, s3: Any, aws: dict[str, str]) -> None:
    start = time.monotonic()
    done = lake("ls", **aws)
    took = time.monotonic() - start

    assert done.returncode == 0, done.stderr
    rows = {row[0]: row for row in (line.split("\t") for line in done.stdout.splitlines())}
    assert rows["daily"][1:3] == [f"{_DAYS:,}", f"{_DAYS:,}"]
    assert rows["customers-regional"][1:3] == ["1", "3"]
    assert took < 60
    body = json.loads(lake("ls", "daily", "--json", **aws).stdout)
    assert len({one["receipt"] for one in body}) == _DAYS


def test_a_query_reads_all_pages(lake: Run, s3: Any, aws: dict[str, str]) -> None:
    query = "select count(*) n, sum(id) s, min(note) t from daily"
    done = lake("query", query, "--json", **aws)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"n": _DAYS, "s": 7 * _DAYS, "t": "x"}]
    shown = lake("schema", "daily", **aws)
    assert shown.stdout.splitlines()[1].split("\t")[:3] == ["id", "INTEGER", "int32"]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_each_format_is_read_from_s3(
    lake: Run, s3: Any, aws: dict[str, str], tmp_path: Path, kind: str
) -> None:
    land(tmp_path / "landed", [{**CUSTOMERS, "file_format": {"type": kind}}])
    upload(s3, tmp_path / "landed")
    done = lake("query", 'from "customers-regional"', "--csv", **aws)
    assert done.returncode == 0, done.stderr
    assert done.stdout == '"id","name","balance"\n1,"Ada",1.50\n2,"",\n3,,-0.01\n'


def test_only_the_columns_of_a_query_are_fetched(
    lake: Run, s3: Any, emulator: Emulator, aws: dict[str, str], tmp_path: Path
) -> None:
    # Given a file of some megabytes in one column, and some bytes in another
    rows = [{"id": n, "name": f"{n * 2654435761 % 2**32:08x}" * 1000, "balance": None} for n in range(500)]
    land(tmp_path, [{**CUSTOMERS, "rows": rows, "file_format": {"compression": "none"}}])
    size = next(tmp_path.rglob("part-*")).stat().st_size
    upload(s3, tmp_path)
    # When the small one is asked for, through a door that counts
    with Counting(emulator.port) as door:
        counted = aws | {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{door.port}"}
        done = lake("query", "select sum(id) from customers_regional", "--csv", **counted)
    # Then the large one did not come
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, [str(499 * 250)])
    assert size > 3_000_000
    assert door.bytes < 400_000


class Counting:
    """A door to a port of this machine that counts the bytes that come out of it."""

    def __init__(self, port: int) -> None:
        self._behind, self.bytes = port, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pool = ThreadPoolExecutor(64)

    def __enter__(self) -> Counting:
        self._pool.submit(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _accept(self) -> None:
        while True:
            try:
                asking, _ = self._listener.accept()
            except OSError:
                return
            answering = socket.create_connection(("127.0.0.1", self._behind))
            self._pool.submit(self._pass, asking, answering, count=False)
            self._pool.submit(self._pass, answering, asking, count=True)

    def _pass(self, source: socket.socket, target: socket.socket, *, count: bool) -> None:
        try:
            while content := source.recv(65536):
                self.bytes += len(content) if count else 0
                target.sendall(content)
        except OSError:
            pass
        finally:
            source.close()
            target.close()


def test_a_file_that_is_gone_or_another_is_named(
    lake: Run, s3: Any, aws: dict[str, str], tmp_path: Path
) -> None:
    land(tmp_path, [CUSTOMERS])
    upload(s3, tmp_path)
    (file,) = tmp_path.rglob("part-*")
    key = file.relative_to(tmp_path).as_posix()
    s3.put_object(Bucket=_BUCKET, Key=key, Body=file.read_bytes() + b"more")
    other = lake("query", "from customers_regional", **aws)
    assert (other.returncode, f"{key} has" in other.stderr) == (2, True), other.stderr
    s3.delete_object(Bucket=_BUCKET, Key=key)
    gone = lake("query", "from customers_regional", **aws)
    assert (gone.returncode, f"a receipt names {key}, which is not in s3://" in gone.stderr) == (2, True), (
        gone.stderr
    )
    assert "Traceback" not in other.stderr + gone.stderr


def test_sweep_tells_what_waits_and_marks_nothing_that_is_young(
    lake: Run, s3: Any, aws: dict[str, str], tmp_path: Path
) -> None:
    # Given a pipeline that landed twice. Nobody can write a file of last week to the emulator: what is marked
    # when it is old, tests/etl/test_sweep_of_the_lake.py shows on the same S3, with the time as an argument.
    for attempt in ("first", "second"):
        land(tmp_path, [{**CUSTOMERS, "attempt": attempt, "pipeline": "never-run"}])
    upload(s3, tmp_path)

    # When it is swept, first only to be told
    told = lake("sweep", "never-run", "--json", **aws)
    swept = lake("sweep", "never-run", "--apply", "--json", **aws)

    # Then what is young waits, and nothing is marked
    for done in (told, swept):
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)["never-run"]
        assert (found["marked"], found["unmarked"]) == ([], [])
        (waiting,) = found["waiting"]
        assert "/first/part-00000.parquet" in waiting["key"]
    assert s3.get_object_tagging(Bucket=_BUCKET, Key=waiting["key"])["TagSet"] == []
    assert lake("sweep", **aws).stdout.splitlines()[0].split("\t")[:2] == ["pipeline", "would be marked"]


def test_a_bucket_that_is_gone_is_a_sentence_in_every_command(lake: Run, emulator: Emulator) -> None:
    # Given the stack of another Region, whose bucket was deleted by hand
    elsewhere = emulator.client_environment() | {"AWS_REGION": "eu-central-1"}
    stacks = boto3.client(
        "cloudformation",
        endpoint_url=emulator.endpoint_url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    template = json.loads(json.dumps(_TEMPLATE).replace(_BUCKET, "gone-lake"))
    stacks.create_stack(StackName="hybrid-lakeside-storage", TemplateBody=json.dumps(template))
    client(emulator, "s3").delete_bucket(Bucket="gone-lake")

    for command in (["ls"], ["schema", "daily"], ["query", "from daily"], ["sweep"]):
        done = lake(*command, "--region", "eu-central-1", **elsewhere)

        # Then it is said, in one sentence, with what to do
        assert (done.returncode, done.stdout) == (1, "")
        assert "s3://gone-lake: there is no bucket: it was deleted" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_an_estate_that_is_not_deployed_is_told(lake: Run, s3: Any, aws: dict[str, str]) -> None:
    done = lake("query", "from daily", "--region", "us-east-1", **aws)
    assert done.returncode == 2
    assert "there is no stack hybrid-lakeside-storage in us-east-1: deploy the estate" in done.stderr


def test_the_commands_of_the_page_run_as_they_stand(
    s3: Any, aws: dict[str, str], landed: Path, estate: Path, tmp_path: Path
) -> None:
    # Given the commands of docs/how-to/lake.md, with this estate, and this directory for the clone's own lake
    page = (ROOT / "docs" / "how-to" / "lake.md").read_text()
    commands = "".join(block.partition("```")[0] for block in page.split("```sh\n")[1:])
    commands = re.sub(r"bin/hybrid lake (\w+)", rf"'{ROOT}/bin/hybrid' lake \1 -e '{estate}'", commands)
    commands = commands.replace("--local", f"--lake '{landed}'")

    # When they are run one after the other, in one shell
    done = subprocess.run(
        ["sh", "-euc", commands],
        env={**os.environ, **aws},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    # Then each does what the page says
    assert done.returncode == 0, done.stderr
    assert "customers-regional\t1\t3" in done.stdout
    assert "\n3\t3\n" in done.stdout
    assert (tmp_path / "customers.csv").read_text().splitlines()[1] == '1,"Ada",1.50'
    assert json.loads((tmp_path / "customers.json").read_text())[0]["name"] == "Ada"
    assert done.stdout.count("pipeline\twould be marked") == 1
    assert '"customers-regional": {' in done.stdout
