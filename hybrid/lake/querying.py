"""A query of the lake, answered by a process of its own: DuckDB and Arrow are in another environment.

docs/decisions/lake-query.md says which, and why.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workspace.environments import ETL_PROCESS
from workspace.paths import ROOT

#: The environment that the process needs.
ENVIRONMENT = ETL_PROCESS

_LAST_LINES = 5


class EngineFailed(Exception):
    """The process ended without an answer and without saying why; the message has its last lines."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query and the lake that it is asked of.

    Attributes:
        query: SQL.
        pipelines: prefix of each pipeline in the lake, by name.
        place: `{"directory"}`, or `{"bucket", "region", "profile"}`.
        most: rows to give, None for all.
        json: whether rows are values of JSON; else texts, and None for NULL.
    """

    query: str
    pipelines: Mapping[str, str]
    place: Mapping[str, str | None]
    most: int | None
    json: bool

    @contextmanager
    def events(self) -> Iterator[Iterator[dict[str, Any]]]:
        """Gives the events of the answer, as `hybrid.lake.engine.__main__` has them; ends the process.

        Raises:
            EngineFailed: the process ended unforeseen.
        """
        # Rows may be written there: it is the user's alone, and gone however the process ends.
        with tempfile.TemporaryDirectory(prefix="hybrid-query-", ignore_cleanup_errors=True) as scratch:
            errors = Path(scratch) / "errors"
            with errors.open("wb") as written:
                process = subprocess.Popen(
                    [str(ENVIRONMENT.python), "-m", "hybrid.lake.engine"],
                    env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=written,
                )
            try:
                yield self._read(process, errors, scratch=scratch)
            finally:
                process.kill()
                process.wait()

    def _read(
        self, process: subprocess.Popen[bytes], errors: Path, *, scratch: str
    ) -> Iterator[dict[str, Any]]:
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        content = json.dumps(asdict(self) | {"scratch": scratch})
        # Where the process could not begin, its own last words say more.
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(content.encode())
        for line in process.stdout:
            yield json.loads(line)
        if process.wait():
            said = errors.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]
            raise EngineFailed(
                f"the process that answers queries ended with {process.returncode}: " + " ".join(said)
            )
