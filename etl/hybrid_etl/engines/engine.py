"""What is to be known of a database engine by all who are not its reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A database engine: facts only, so that others can have them as JSON (contracts/engines.json).

    Attributes:
        name: as specifications, estates and messages have it.
        label: as people write it.
        port: where its servers listen by default.
        reader: `module:class` that reads it, a `hybrid_etl.readers.Reader`.
        dialect: how its query text is scanned (`hybrid_etl.query_text`).
        quote: around an identifier; within one it is doubled.
        parameters: `numbered`, where a value is sent once however often it is named, or `positional`.
        zoned: whether an instant in a query may carry an offset from UTC; else it is sent in UTC without one.
        nul: whether a text may hold the character U+0000.
        folds: whether names of columns are the same in upper and in lower case.
        passthrough: whether the server itself writes CSV that can land as it is.
        encodings: whether a database may keep text in no known encoding, so that `encoding` has to say it.
        socket: what a host that is a path is: the socket's `file`, or the `directory` of `.s.PGSQL.PORT`.
        named: what secrets, as RDS writes them, may call it.
        schemes: of addresses of its databases.
        catalog: query for a row of each column of each table; its parameters are `schema` (empty: all) and
            `pattern` (of `like`). None where tables cannot be listed.
    """

    name: str
    label: str
    port: int
    reader: str
    dialect: Literal["postgresql", "mysql", "mariadb"]
    quote: str
    parameters: Literal["numbered", "positional"]
    zoned: bool = False
    nul: bool = True
    folds: bool = False
    passthrough: bool = False
    encodings: bool = False
    socket: Literal["file", "directory"] = "file"
    named: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    catalog: str | None = None
