"""One run of a pipeline on this machine: specification and secret in, a local lake out.

What runs is the container's own code (etl/), in its environment; what differs from a task at a site is that
the lake is a directory, and that the secret may be a file of this machine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybrid.artifacts.compile import canonical_json, specification
from hybrid.estate import Estate
from hybrid.estate.naming import Names
from hybrid.trial import origin
from workspace.environments import ETL_PROCESS
from workspace.paths import ETL, STATE

#: Where the runs of this machine land, one directory for each estate.
LAKE = STATE / "lake"

#: Expectations that rows left out by a limit would fail.
UNJUDGED = frozenset({"rows", "freshness"})

Say = Callable[[dict[str, Any]], None]


class RunFailed(Exception):
    """The container's code ended with another exit code than 0; the message is its last line.

    Attributes:
        exit_code: 1 for a failure, 2 for the user's mistake.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A pipeline of an estate, as it is run on this machine.

    Attributes:
        interval: begin and end, where the pipeline reads an interval.
        limit: most rows of its query, None for all.
        secret: credentials of the source, None to read its secret from AWS by its name.
        lake: directory that the files go to.
    """

    estate: Estate
    pipeline: str
    interval: tuple[datetime, datetime] | None = None
    full: bool = False
    limit: int | None = None
    secret: Mapping[str, str | int] | None = None
    lake: Path

    def run(self, say: Say) -> dict[str, Any]:
        """Run it and give its receipt; `say` gets each event as it comes.

        Raises:
            RunFailed: It did not land.
        """
        with self._prepared() as (digest, environment):
            self._keep_apart(landed=False)
            self._call("run", digest, environment, lambda line: say(json.loads(line)))
            self._keep_apart(landed=True)
        receipt: dict[str, Any] = json.loads(self.receipt.read_text(encoding="utf-8"))
        return receipt

    def preview(self, rows: int) -> list[dict[str, Any]]:
        """The first rows, masked as the lake has them.

        Raises:
            RunFailed: The query does not run.
        """
        lines: list[str] = []
        with self._prepared() as (digest, environment):
            self._call("preview", digest, environment, lines.append, "--rows", str(rows))
        if self.estate.pipelines[self.pipeline].format.passthrough:
            return list(csv.DictReader(io.StringIO("".join(lines), newline="")))
        return [json.loads(line) for line in lines]

    @property
    def receipt(self) -> Path:
        """Where its receipt lands."""
        prefix = self.estate.prefix_of(self.pipeline)
        if self.interval is None or self.full:
            return self.lake / prefix / "interval=full" / "_manifest.json"
        start, end = (_compact(moment.astimezone(UTC)) for moment in self.interval)
        return self.lake / prefix / f"interval={start}-{end}" / "_manifest.json"

    def _specification(self) -> str:
        document = json.loads(specification(self.estate, self.pipeline).content)
        if self.limit is not None:
            # By the container, which sets the limit outside of the interval and of the columns.
            document["most_rows"] = self.limit
            for asked in UNJUDGED & (document.get("expect") or {}).keys():
                del document["expect"][asked]
        return canonical_json(document)

    def _make_lake(self) -> None:
        try:
            self.lake.mkdir(parents=True, exist_ok=True, mode=0o700)
            tempfile.TemporaryFile(dir=self.lake).close()
        except OSError as error:
            why = error.strerror or error
            message = f"the lake {self.lake} cannot be written ({why}): name another with --lake"
            raise RunFailed(message, 2) from error

    def _keep_apart(self, *, landed: bool) -> None:
        """Keep the intervals of two databases apart; what stands for all rows may be of another one.

        Raises:
            RunFailed: the intervals that are there are of another database.
        """
        directory = self.lake / self.estate.prefix_of(self.pipeline)
        try:
            if landed:
                origin.note(directory, self._database())
            elif self.interval is not None and not self.full:
                origin.refuse_another(directory, self._database())
        except origin.AnotherDatabase as error:
            raise RunFailed(
                f"the lake {self.lake} has intervals of {self.pipeline} from {error}, and this run would add "
                f"one from {self._database()}: name another lake with --lake, or replace them by all rows of "
                "this one with --full",
                2,
            ) from error
        except OSError as error:
            why = error.strerror or error
            raise RunFailed(
                f"the lake {self.lake} cannot be used ({why}): name another with --lake", 2
            ) from error

    def _database(self) -> str:
        """The database as it is told apart from others."""
        if self.secret is not None:
            return origin.address_of(self.secret)
        source = self.estate.pipelines[self.pipeline].source
        environment = self.estate.environment
        return f"the secret {Names(environment.name).source_secret(source)} of {environment.region}"

    @contextmanager
    def _prepared(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Digest of the specification, and the variables that a task definition would set."""
        content = self._specification().encode()
        digest = hashlib.sha256(content).hexdigest()
        source = self.estate.pipelines[self.pipeline].source
        with tempfile.TemporaryDirectory(prefix="hybrid-run-") as name:
            directory = Path(name)  # made with mode 0700: the secret is in it
            (directory / f"{digest}.json").write_bytes(content)
            secret = Names(self.estate.environment.name).source_secret(source)
            if self.secret is not None:
                (directory / "secret.json").write_text(json.dumps(dict(self.secret)), encoding="utf-8")
                secret = (directory / "secret.json").as_uri()
            self._make_lake()
            yield (
                digest,
                {
                    # As URIs: a `#`, a `?`, a `%` or a line break of a path would otherwise name another one.
                    "HYBRID_SPECIFICATIONS": directory.as_uri(),
                    "HYBRID_LAKE": self.lake.resolve().as_uri(),
                    "HYBRID_SECRET": secret,
                    # Intervals are tried as they come to mind; lake commands say which share moments.
                    "HYBRID_TRIAL": "1",
                    "AWS_REGION": os.environ.get("AWS_REGION") or self.estate.environment.region,
                    "PYTHONPATH": str(ETL),
                    "PYTHONUNBUFFERED": "1",
                    "HYBRID_CONNECT_TRIES": os.environ.get("HYBRID_CONNECT_TRIES", "2"),
                },
            )

    def _call(
        self,
        command: str,
        digest: str,
        environment: dict[str, str],
        take: Callable[[str], None],
        *options: str,
    ) -> None:
        """Run a command of the container; `take` gets each line of its output."""
        interval = ("--from", "--to") if self.interval else ()
        times = [
            text
            for name, at in zip(interval, self.interval or (), strict=True)
            for text in (name, at.isoformat())
        ] + (["--full"] if self.full else [])
        last = ""
        with tempfile.TemporaryFile() as aside:
            process = subprocess.Popen(
                [str(ETL_PROCESS.python), "-m", "hybrid_etl", command, digest, *times, *options],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # Where rows are on its output, its events are aside; they repeat those of the run before.
                stderr=aside if command == "preview" else None,
                text=True,
                encoding="utf-8",
            )
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            with process:
                for line in process.stdout:
                    last = line
                    take(line)
            aside.seek(0)
            last = last if _message(last) else aside.read().decode(errors="replace").strip().split("\n")[-1]
        if process.returncode:
            said = _message(last) or f"it ended with exit code {process.returncode} and said nothing"
            raise RunFailed(said, 2 if process.returncode == 2 else 1)


def _message(line: str) -> str:
    """The sentence of the container's last line, which is one of its events when it fails."""
    try:
        found = json.loads(line)
    except ValueError:
        return ""
    return str(found.get("message") or "") if isinstance(found, dict) else ""


def _compact(instant: datetime) -> str:
    """An instant in UTC as names of intervals have it (docs/reference/contracts.md, "The lake")."""
    fraction = f".{instant.microsecond:06d}" if instant.microsecond else ""
    return f"{instant.year:04d}{instant:%m%dT%H%M%S}{fraction}Z"
