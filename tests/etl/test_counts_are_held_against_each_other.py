"""A receipt's counts are those of server, reader and files; where two differ, there is no receipt."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pytest
from etl_process import Database, Etl
from lossy_line import COMMAND_COMPLETE, COPY_DATA, Change, Message, lossy_line

from hybrid_etl.errors import Failure
from hybrid_etl.run import check_rows
from hybrid_etl.sinks.file import FileSink
from hybrid_etl.sinks.s3 import S3File
from hybrid_etl.specification import Format
from hybrid_etl.writers import rolling
from hybrid_etl.writers.records import counter
from hybrid_etl.writers.rolling import DataFile, RollingWriter

_PARQUET = {"type": "parquet", "compression": "zstd"}
_LINES = {"type": "csv", "compression": "none", "passthrough": True}
_TRAILER = b"\xff\xff"


def _lose(number: int) -> Change:
    return lambda said: None if said.kind == COPY_DATA and said.number == number else said.body


def _lose_trailer(said: Message) -> bytes | None:
    return None if said.kind == COPY_DATA and said.body == _TRAILER else said.body


def _say_less(said: Message) -> bytes | None:
    told = said.kind == COMMAND_COMPLETE and said.body.startswith(b"COPY ")
    return b"COPY 4\x00" if told else said.body


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize(
    ("form", "change", "word"),
    [
        (_PARQUET, _lose(3), "sent 5 rows, and 4 came"),
        (_PARQUET, _lose(4), "sent 5 rows, and 4 came"),
        (_PARQUET, _lose(0), "The database"),
        (_PARQUET, _lose_trailer, "trailer"),
        (_PARQUET, _say_less, "sent 4 rows, and 5 came"),
        (_LINES, _lose(2), "sent 5 rows, and 4 came"),
        (_LINES, _lose(4), "sent 5 rows, and 4 came"),
        (_LINES, _say_less, "sent 4 rows, and 5 came"),
    ],
)
def test_a_line_that_loses_a_message_ends_the_run(
    etl: Etl,
    postgresql: Database,
    native_decoder: None,
    decoder: str,
    form: dict[str, Any],
    change: Change,
    word: str,
) -> None:
    query = "select n, 'x' as t from generate_series(1, 5) n"
    with lossy_line(postgresql.server.port, change) as port:
        outcome = etl.run(
            postgresql,
            query=query,
            format=form,
            secret=postgresql.secret | {"port": port, "sslmode": "disable"},
            environment={"HYBRID_DECODER": decoder},
        )
    assert outcome.code == 1, outcome.lines
    assert word in outcome.message
    assert outcome.manifests == []


@pytest.mark.parametrize("form", [_PARQUET, _LINES])
def test_a_line_that_loses_nothing_is_no_hindrance(
    etl: Etl, postgresql: Database, form: dict[str, Any]
) -> None:
    with lossy_line(postgresql.server.port, lambda said: said.body) as port:
        secret = postgresql.secret | {"port": port, "sslmode": "disable"}
        outcome = etl.run(postgresql, query="select 1 as n", format=form, secret=secret)
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == 1


class _Forgetful:
    """A writer whose file ends with a row less than it was given."""

    full = False

    def __init__(self, *_: object, **__: object) -> None:
        self.rows = -1

    def write(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows

    def flush(self) -> None: ...

    def finish(self) -> None: ...


def test_a_file_that_holds_less_than_it_was_given_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "open_writer", _Forgetful)
    writer = RollingWriter(
        FileSink(str(tmp_path)),
        directory="run",
        file_format=Format(),
        paths=None,
        target_file_bytes=1 << 30,
        metadata={},
    )
    writer.write(pa.record_batch({"n": [1, 2, 3]}))
    with pytest.raises(Failure, match="holds 2 rows where 3 were written"):
        writer.finish()


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_each_format_counts_what_its_file_holds(tmp_path: Path, kind: str) -> None:
    # Given rows with line feeds and quotes
    writer = RollingWriter(
        FileSink(str(tmp_path)),
        directory="run",
        file_format=Format(type=kind, compression="none"),
        paths=None,
        target_file_bytes=1 << 30,
        metadata={},
    )
    texts = ['a\n"b"\n', "", None, '"', "\n\n", 'x""\n""y', "plain"]
    writer.write(pa.record_batch({"t": pa.array(texts, pa.string()), "n": list(range(7))}))
    # Then
    (file,) = writer.finish()
    assert file.rows == 7


def test_files_that_do_not_hold_what_was_read_end_the_run() -> None:
    file = DataFile(key="k", bytes=1, rows=9, sha256="")
    check_rows([file, file], read=18)
    with pytest.raises(Failure, match="hold 18 rows, and 19 were read"):
        check_rows([file, file], read=19)


def test_a_part_that_was_not_sent_whole_is_not_completed() -> None:
    # Given an upload of which a part was lost on the way to the client's own request
    class Client:
        completed = False

        def create_multipart_upload(self, **_: object) -> dict[str, str]:
            return {"UploadId": "1"}

        def upload_part(self, **_: object) -> dict[str, str]:
            return {"ETag": "e"}

        def complete_multipart_upload(self, **_: object) -> None:
            self.completed = True

    client = Client()
    throttle: Any = type("", (), {"take": lambda *_: None})()
    file = S3File(client, bucket="b", object_key="k", key="k", throttle=throttle, part_bytes=4)
    file.write(b"abcdef")
    file._join()
    file._sent -= 1
    # Then
    with pytest.raises(Failure, match="took 6 bytes, and 5 were stored"):
        file.finish()
    assert not client.completed


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize("seed", range(50))
def test_records_are_counted_as_another_reader_counts_them(
    monkeypatch: pytest.MonkeyPatch, native_decoder: None, *, seed: int, decoder: str
) -> None:
    monkeypatch.setenv("HYBRID_DECODER", decoder)
    # Given a table of texts out of what matters to CSV, as Arrow writes it, cut into blocks anywhere
    random = Random(seed)
    rows = random.randrange(0, 40)
    table = pa.table(
        {
            name: pa.array(
                [
                    None
                    if random.random() < 0.2
                    else "".join(random.choices('"\n,ax', k=random.choice([0, 1, 5, 70])))
                    for _ in range(rows)
                ],
                pa.string(),
            )
            for name in "ab"
        }
    )
    sink = io.BytesIO()
    pc_csv.write_csv(table, sink, pc_csv.WriteOptions(include_header=False))
    content = sink.getvalue()
    cuts = sorted(random.choices(range(len(content) + 1), k=4))
    blocks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    # Then
    count = counter()
    counted = sum(count(pa.py_buffer(block)) for block in blocks)
    assert counted == rows == len(list(csv.reader(io.StringIO(content.decode(), newline=""))))
