"""Answer one query: a request, the events of its answer.

Events: `note` and `progress` along the way, `columns` and `quoted`, then `rows` in portions, and `more` rows
beyond the limit; or `unknown`, a name that is no pipeline's, or `error` and `code`, the command's exit code.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import duckdb
from botocore.config import Config

from hybrid.fleet.aws_errors import translated
from hybrid.fleet.errors import FleetError
from hybrid.lake.engine import answers
from hybrid.lake.engine.asked import Asked, NotAsked, UnknownPipeline, asked
from hybrid.lake.engine.files import Files, LocalFiles, S3Files
from hybrid.lake.engine.tables import LakeTable
from hybrid.lake.places import READERS, Bucket, Directory, LakePlace
from hybrid.lake.reading import Stored, UnreadableLake, visible

_PORTION = 1024
_SECONDS = 0.5
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def answer(request: Mapping[str, Any], say: Callable[..., None]) -> None:
    """Say the answer, or why there is none.

    Args:
        request: as `hybrid.lake.querying` writes it.
        say: takes the parts of an event.
    """
    try:
        _Answer(request, say).give()
    except (UnreadableLake, NotAsked) as error:
        say(error=str(error), code=2)
    except UnknownPipeline as error:
        say(unknown=str(error))
    except FleetError as error:
        say(error=str(error), code=2 if error.users_mistake else 1)
    except duckdb.OperationalError as error:
        say(error=f"DuckDB could not answer: {error}", code=1)
    except duckdb.PermissionException:
        say(
            error="a query reads pipelines of the lake and nothing else: no file, no address, no setting",
            code=2,
        )
    except duckdb.Error as error:
        say(error=str(error), code=2)
    except OSError as error:
        say(error=f"{error.filename or 'a file'}: {error.strerror or error}", code=1)


class _Answer:
    """One query and its answer."""

    def __init__(self, request: Mapping[str, Any], say: Callable[..., None]) -> None:
        self._query: str = request["query"]
        self._pipelines: Mapping[str, str] = request["pipelines"]
        self._most: int | None = request["most"]
        self._json: bool = request["json"]
        self._scratch = Path(request["scratch"])
        self._where: Mapping[str, Any] = request["place"]
        self._say = say
        self._files: list[Files] = []

    def give(self) -> None:
        """Say the answer.

        Raises:
            NotAsked, UnknownPipeline: it is no query of pipelines of the lake.
            UnreadableLake: what landed cannot be read.
            FleetError: AWS refused.
            duckdb.Error: DuckDB refused the query.
        """
        connection = self._connection()
        wanted = asked(connection, self._query, self._pipelines)
        s3, place = self._place()
        with self._faults(), self._fetching():
            for table in [self._table(name, place, s3) for name in wanted.pipelines]:
                for column in table.columns():
                    if column.note:
                        self._say(note=f"{table.name}: {column.note}")
                table.make(connection, said=lambda text: self._say(progress=text))
            self._rows(connection, wanted)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        spill = self._scratch / "spilled"
        connection = duckdb.connect(config={**_SETTINGS, "temp_directory": str(spill)})
        connection.execute("set TimeZone = 'UTC'")
        # From here on neither a query nor a function in it reaches a file, an address or a setting.
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        return connection

    def _place(self) -> tuple[Any, LakePlace]:
        if directory := self._where.get("directory"):
            return None, Directory(Path(directory))
        with translated("reach the lake"):
            session = botocore.session.Session(profile=self._where["profile"])
            config = Config(
                retries={"mode": "standard", "total_max_attempts": 6},
                max_pool_connections=READERS,
                connect_timeout=5,
                read_timeout=60,
                user_agent_extra="hybrid-airflow",
            )
            s3 = session.create_client("s3", region_name=self._where["region"], config=config)
        return s3, Bucket(s3, self._where["bucket"])

    def _table(self, name: str, place: LakePlace, s3: Any) -> LakeTable:
        def said(done: int, of: int) -> None:
            if done % 100 == 0:
                self._say(progress=f"{name}: receipt {done:,} of {of:,}")

        with translated(f"read the receipts of {name} in {place.address}"):
            receipts = visible(place.receipts(self._pipelines[name], say=said))
        if not receipts:
            raise NotAsked(
                f"nothing of `{name}` has landed in {place.address} yet: run its DAG, or `bin/hybrid run "
                f"{name}` for a lake on this machine, which `--local` reads"
            )
        scratch = self._scratch / "tables" / name
        scratch.mkdir(parents=True)
        files = self._files_of(receipts, s3)
        self._files.append(files)
        return LakeTable(name=name, receipts=receipts, files=files, scratch=scratch)

    def _files_of(self, receipts: list[Stored], s3: Any) -> Files:
        sizes = {file["key"]: file["bytes"] for one in receipts for file in one.body["files"]}
        if s3 is None:
            return LocalFiles(Path(self._where["directory"]), sizes)
        return S3Files(s3, self._where["bucket"], sizes)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What a read of the lake met is told in its own words, not in DuckDB's."""
        try:
            yield
        except (duckdb.Error, OSError):
            with translated("read the lake"):
                for files in self._files:
                    files.raise_fault()
            raise

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """Say every half second how much has been fetched."""
        over = threading.Event()

        def tell() -> None:
            while not over.wait(_SECONDS):
                if fetched := sum(f.fetched for f in self._files if isinstance(f, S3Files)):
                    self._say(progress=f"{fetched / 1e6:,.1f} MB fetched")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()

    def _rows(self, connection: duckdb.DuckDBPyConnection, wanted: Asked) -> None:
        relation = connection.sql(wanted.query)
        kinds = [str(kind) for kind in relation.types]
        names = list(relation.columns)
        if not all(map(answers.is_exact, kinds)):
            # By number: two columns of an answer may have one name.
            relation = relation.project(
                ", ".join(
                    f"#{n}" if answers.is_exact(kind) else f"cast(#{n} as varchar)"
                    for n, kind in enumerate(kinds, 1)
                )
            )
        reader = relation.to_arrow_reader(_PORTION)
        whole = [re.fullmatch("U?HUGEINT", kind) is not None for kind in kinds]
        quoted = [
            answers.is_text(field.type) and not number
            for field, number in zip(reader.schema, whole, strict=True)
        ]
        self._say(columns=names, quoted=quoted)
        given, more = 0, False
        for batch in reader:
            left = batch.num_rows if self._most is None else self._most - given
            rows = answers.as_rows(batch.slice(0, left), whole=whole, json_values=self._json)
            if rows:
                self._say(rows=rows)
            given += len(rows)
            more = more or batch.num_rows > left
            if more:
                break
        del reader, relation
        if more:
            ((count,),) = connection.sql(wanted.query).aggregate("count(*)").fetchall()
            self._say(more=max(count - given, 1))
