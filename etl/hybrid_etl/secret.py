"""Credentials of a source: an RDS secret, or one like it that people write."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError

SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
NAMES = {
    "host": ("host",),
    "username": ("username", "user"),
    "password": ("password",),
    "dbname": ("dbname", "database", "db"),
}
"""What each key may be called. RDS writes `dbname`; `dbInstanceIdentifier` names a server, not a database."""

_RDS = ("engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Where the database is and who asks. The password never appears in a representation of this object.

    `host` is a name, an address, or a path: MySQL's socket, or the directory of PostgreSQL's.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    dbname: str
    sslmode: str = "prefer"
    sslrootcert: str | None = field(default=None, repr=False)
    mask_key: str | None = field(default=None, repr=False)

    @property
    def by_socket(self) -> bool:
        """Whether the way to the database is a Unix socket, which no network sees."""
        return self.host.startswith("/")

    @property
    def address(self) -> str:
        """The database as messages name it: `host:port/dbname`."""
        return f"{self.host}:{self.port}/{self.dbname}"

    @classmethod
    def parse(cls, content: str, *, where: str, default_port: int, engine: str | None = None) -> Secret:
        """Read a secret's JSON text; `engine` is the source's.

        A certificate without `sslmode` means verify-full. Raises UserError when a key is missing or wrong, or
        contradicts another; the message names the key, never a value.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise UserError(
                f"Secret {where} is not a JSON object; it needs host, port, username, password, dbname."
            )
        _check_engine(document, engine, where=where)
        found = {key: _text(document, names, where=where) for key, names in NAMES.items()}
        if missing := [key for key, value in found.items() if not value]:
            raise UserError(_lacking(document, missing, where=where))
        host, port = _place(found["host"].strip(), document, default_port, engine, where=where)
        certificate = _optional(document, "sslrootcert", where=where)
        mode = document.get("sslmode") or ("verify-full" if certificate else "prefer")
        if mode not in SSL_MODES:
            raise UserError(f"Secret {where}: sslmode must be one of {', '.join(SSL_MODES)}.")
        if host.startswith("/") and mode not in ("disable", "prefer"):
            raise UserError(
                f"Secret {where}: host is a Unix socket, which has no TLS; take out sslmode and sslrootcert."
            )
        return cls(
            host=host,
            port=port,
            username=found["username"],
            password=found["password"],
            dbname=found["dbname"],
            sslmode=mode,
            sslrootcert=certificate,
            mask_key=_optional(document, "mask_key", where=where),
        )


def _text(document: dict[str, Any], names: tuple[str, ...], *, where: str) -> str:
    given = {name: document[name] for name in names if document.get(name) not in (None, "")}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise UserError(f"Secret {where}: {name} is not a text; correct it.")
        _check_characters(str(value), name, where=where)
    values = {str(value) for value in given.values()}
    if len(values) > 1:
        raise UserError(f"Secret {where}: {' and '.join(given)} differ; keep one of them.")
    return values.pop() if values else ""


def _check_characters(text: str, name: str, *, where: str) -> None:
    # Both protocols end these texts at a NUL; half of a surrogate pair has no UTF-8.
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"Secret {where}: {name} holds a character that no database takes; correct it.")


def _optional(document: dict[str, Any], name: str, *, where: str) -> str | None:
    value = document.get(name) or None
    if value is not None and not isinstance(value, str):
        raise UserError(f"Secret {where}: {name} is not a text; correct it.")
    return value


def _lacking(document: dict[str, Any], missing: list[str], *, where: str) -> str:
    called = [" or ".join(NAMES[key]) for key in missing]
    if {"username", "password"} <= set(document) and "host" in missing and "password" not in missing:
        return (
            f"Secret {where} lacks {', '.join(called)}: a secret that RDS manages holds only username and "
            "password. Write one of your own that has these too."
        )
    if "dbname" in missing and any(key in document for key in _RDS):
        return (
            f"Secret {where} lacks {', '.join(called)}, the database's name, which RDS writes only where one "
            "was made with the server; add it as text."
        )
    return f"Secret {where} lacks {', '.join(called)}; add it as text."


def _check_engine(document: dict[str, Any], engine: str | None, *, where: str) -> None:
    """RDS writes what the server is."""
    said = document.get("engine")
    if said is None or engine is None:
        return
    if str(said).lower() not in ENGINES[engine].named:
        known = str(said).lower() if any(str(said).lower() in one.named for one in ENGINES.values()) else ""
        raise UserError(
            f"Secret {where} is of {'the engine ' + known if known else 'another engine'}, and the source's "
            f"engine is {engine}; correct one of them."
        )


def _place(
    host: str, document: dict[str, Any], default_port: int, engine: str | None, *, where: str
) -> tuple[str, int]:
    given = document.get("port")
    text = str(default_port if given in (None, "") else given).strip()
    if isinstance(given, bool) or not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise UserError(f"Secret {where}: port is not a number from 1 to 65535; correct it.")
    if "://" in host or re.fullmatch(r"[^:/\s]+:\d+", host):
        raise UserError(f"Secret {where}: host holds more than a name; write the port in port.")
    if socket := re.fullmatch(r"(/.*)/\.s\.PGSQL\.(\d+)", host):
        directory = engine is not None and ENGINES[engine].socket == "directory"
        return (socket[1], int(socket[2])) if directory else (host, int(text))
    return host, int(text)
