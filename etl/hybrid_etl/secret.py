"""Credentials of a source, in the shape of an RDS secret."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hybrid_etl.errors import UserError

SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Where the database is and who asks. The password never appears in a representation of this object."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    dbname: str
    sslmode: str = "prefer"
    sslrootcert: str | None = field(default=None, repr=False)
    mask_key: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The database as messages name it: `host:port/dbname`."""
        return f"{self.host}:{self.port}/{self.dbname}"

    @classmethod
    def parse(cls, content: str, *, where: str, default_port: int) -> Secret:
        """Read a secret's JSON text.

        A certificate without `sslmode` means verify-full. Raises UserError when a key is missing or wrong;
        the message names the key, never a value.
        """
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UserError(
                f"Secret {where} is not a JSON object; it needs host, port, username, password, dbname."
            )
        missing = [key for key in ("host", "username", "password", "dbname") if not document.get(key)]
        if missing:
            raise UserError(f"Secret {where} lacks {', '.join(missing)}; add it as text.")
        certificate = document.get("sslrootcert") or None
        mode = document.get("sslmode") or ("verify-full" if certificate else "prefer")
        if mode not in SSL_MODES:
            raise UserError(f"Secret {where}: sslmode must be one of {', '.join(SSL_MODES)}.")
        try:
            port = int(document.get("port") or default_port)
        except (TypeError, ValueError):
            raise UserError(f"Secret {where}: port is not a number; correct it.") from None
        return cls(
            host=str(document["host"]),
            port=port,
            username=str(document["username"]),
            password=str(document["password"]),
            dbname=str(document["dbname"]),
            sslmode=mode,
            sslrootcert=certificate,
            mask_key=document.get("mask_key") or None,
        )
