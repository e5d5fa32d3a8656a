"""A database's address as people write it, `postgresql://user@host:5432/shop`, as the secret of a source."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from hybrid.estate.engines import ENGINES

_EXAMPLE = "write it as postgresql://USER@HOST:PORT/DATABASE"
#: RFC 3986, section 2.2: what separates the parts of an address is written as its code within one.
_CODES = (
    "write / ? # [ ] @ of a user, a password or a database as %2F %3F %23 %5B %5D %40, or leave the password "
    "out and put it into HYBRID_DATABASE_PASSWORD as it is"
)


class DatabaseUrlError(ValueError):
    """The address is none; the message says what is wrong, and never holds the password."""


def secret_of(url: str, *, engine: str, password: str | None) -> dict[str, str | int]:
    """The secret of a source (docs/reference/contracts.md) for an address.

    Args:
        url: scheme one of the engine's; `sslmode` and `sslrootcert` (a file) as its query.
        engine: of the source; the scheme must be of it.
        password: where the address holds none.

    Raises:
        DatabaseUrlError: The address cannot be read, or is of another engine.
    """
    parts, port = _parts(url.strip())
    named = next((name for name, one in ENGINES.items() if parts.scheme in one.schemes), None)
    if named is None:
        raise DatabaseUrlError(f"the database's address begins with `{parts.scheme}:`; {_EXAMPLE}")
    if parts.scheme not in ENGINES[engine].schemes:
        raise DatabaseUrlError(f"the address is of {parts.scheme}, and the source has `engine: {engine}`")
    database = unquote(parts.path.lstrip("/"))
    missing = [
        word
        for word, found in (("host", parts.hostname), ("user", parts.username), ("database", database))
        if not found
    ]
    if missing:
        raise DatabaseUrlError(f"the database's address has no {', no '.join(missing)}; {_EXAMPLE}")
    given = unquote(parts.password) if parts.password else password
    if not given:
        raise DatabaseUrlError(
            "the database's address has no password; put it into HYBRID_DATABASE_PASSWORD or into the address"
        )
    return {
        "host": str(parts.hostname),
        "port": ENGINES[engine].port if port is None else port,
        "username": unquote(str(parts.username)),
        "password": given,
        "dbname": database,
        **_options(parts.query),
    }


def _parts(url: str) -> tuple[SplitResult, int | None]:
    """The parts of an address, none of them cut where a character within one separates parts."""
    if "://" not in url:
        raise DatabaseUrlError(f"the database's address has no scheme such as postgresql://; {_EXAMPLE}")
    if "#" in url:
        raise DatabaseUrlError(f"the database's address has a `#`, which would end it: {_CODES}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DatabaseUrlError(f"the database's address cannot be read: {_EXAMPLE}, and {_CODES}") from None
    if parts.username is None and "@" in parts.path + parts.query:
        raise DatabaseUrlError(f"the database's address has a `/` or a `?` before its `@`: {_CODES}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise DatabaseUrlError("the port of the database's address is no number from 1 to 65535")
    return parts, port


def _options(query: str) -> dict[str, str]:
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given) or "" in options.values():
        raise DatabaseUrlError("each option after the `?` of the database's address needs one value, once")
    unknown = sorted(set(options) - {"sslmode", "sslrootcert"})
    if unknown:
        raise DatabaseUrlError(
            f"the database's address has {', '.join(unknown)}; it takes sslmode, sslrootcert"
        )
    if file := options.get("sslrootcert"):
        try:
            options["sslrootcert"] = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise DatabaseUrlError(f"sslrootcert={file} cannot be read; it must be a PEM file") from None
    return options
