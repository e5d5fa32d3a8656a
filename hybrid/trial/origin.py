"""Which database the rows of a pipeline in a lake of this machine are of; those of two never stand together.

The lake is found by the estate's name, and two files may have one name, as one file may be run with the
address of a test database and then with another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

#: Beside the intervals of a pipeline, where no reader of receipts looks.
_FILE = ".database"


class AnotherDatabase(Exception):
    """The intervals that are there are of another database; the message says of which."""


def address_of(secret: Mapping[str, str | int]) -> str:
    """A database as it is told apart from others: the machine's own addresses are one."""
    host = str(secret["host"])
    with suppress(ValueError):
        host = "localhost" if ipaddress.ip_address(host).is_loopback else host
    return f"{host}:{secret['port']}/{secret['dbname']}"


def refuse_another(pipeline: Path, database: str) -> None:
    """Refuse to land an interval beside those of another database, else note the database.

    Args:
        pipeline: its directory in the lake.
        database: that the interval is to be read from.

    Raises:
        AnotherDatabase: the intervals are of another one.
        OSError: the note cannot be read or written.
    """
    noted = _noted(pipeline)
    if noted not in (None, database) and any(pipeline.glob("interval=*/_manifest.json")):
        raise AnotherDatabase(noted)
    note(pipeline, database)


def note(pipeline: Path, database: str) -> None:
    """Note the database that all rows of a pipeline are of.

    Raises:
        OSError: it cannot be written.
    """
    if _noted(pipeline) != database:
        pipeline.mkdir(parents=True, exist_ok=True)
        (pipeline / _FILE).write_text(database, encoding="utf-8")


def _noted(pipeline: Path) -> str | None:
    with suppress(FileNotFoundError):
        return (pipeline / _FILE).read_text(encoding="utf-8")
    return None
