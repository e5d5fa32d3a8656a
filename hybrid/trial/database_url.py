"""A database's address as people write it, `postgresql://user@host:5432/shop`, as the secret of a source."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from hybrid.estate.engines import ENGINES
from hybrid.estate.suggestion import suggestion

#: RFC 3986, section 2.2: what separates the parts of an address is written as its code within one.
_CODES = (
    "write / ? # [ ] @ of a user, a password or a database as %2F %3F %23 %5B %5D %40, or leave the password "
    "out and put it into HYBRID_DATABASE_PASSWORD as it is"
)
#: As the container has them (etl/hybrid_etl/secret.py).
SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
#: Options of other clients by which an address names a Unix socket.
_SOCKET_OPTIONS = frozenset({"host", "socket", "unix_socket", "unixSocketPath"})


class DatabaseUrlError(ValueError):
    """The address is none; the message says what is wrong, and never holds the password."""


def secret_of(url: str, *, engine: str, password: str | None) -> dict[str, str | int]:
    """The secret of a source (docs/reference/contracts.md) for an address.

    Args:
        url: scheme one of the engine's; `sslmode` and `sslrootcert` (a file) as its query. The host may
            be the path of a Unix socket, with its slashes as %2F.
        engine: of the source; the scheme must be of it.
        password: where the address holds none.

    Raises:
        DatabaseUrlError: The address cannot be read, or is of another engine.
    """
    example = _example(engine)
    parts, port = _parts(url.strip(" \t\r\n"), example=example)
    named = next((name for name, one in ENGINES.items() if parts.scheme in one.schemes), None)
    if named is None:
        raise DatabaseUrlError(f"the database's address begins with `{parts.scheme}:`; {example}")
    if parts.scheme not in ENGINES[engine].schemes:
        raise DatabaseUrlError(f"the address is of {parts.scheme}, and the source has `engine: {engine}`")
    options = _options(parts.query, engine=engine)
    host = _host(parts, example=example)
    database = _text(parts.path.lstrip("/"), "database")
    missing = [
        word
        for word, found in (("host", host), ("user", parts.username), ("database", database))
        if not found
    ]
    if missing:
        raise DatabaseUrlError(f"the database's address has no {', no '.join(missing)}; {example}")
    given = _text(parts.password, "password") if parts.password else password
    if not given:
        raise DatabaseUrlError(
            "the database's address has no password; put it into HYBRID_DATABASE_PASSWORD or into the address"
        )
    if host.startswith("/") and options.get("sslmode", "prefer") not in ("disable", "prefer"):
        raise DatabaseUrlError(
            "the database's address is a Unix socket, which has no TLS; take out sslmode and sslrootcert"
        )
    return {
        "host": host,
        "port": ENGINES[engine].port if port is None else port,
        "username": _text(str(parts.username), "user"),
        "password": given,
        "dbname": database,
        **options,
    }


def _scheme(engine: str) -> str:
    schemes = ENGINES[engine].schemes
    return engine if engine in schemes else schemes[0]


def _example(engine: str) -> str:
    return f"write it as {_scheme(engine)}://USER@HOST:PORT/DATABASE"


def _text(written: str, part: str) -> str:
    """A part of an address without its codes."""
    try:
        return unquote(written, errors="strict")
    except UnicodeDecodeError:
        raise DatabaseUrlError(
            f"the {part} of the database's address has codes that are no text in UTF-8; correct them, and "
            "write a % itself as %25"
        ) from None


def _host(parts: SplitResult, *, example: str) -> str:
    """The host: a name, an address, or the path of a Unix socket, which alone keeps its upper case."""
    place = parts.netloc.rpartition("@")[2]
    if place.upper().startswith("%2F"):
        return _text(place.rpartition(":")[0] if parts.port is not None else place, "host")
    if "," in place:
        raise DatabaseUrlError(f"the database's address has several hosts; name one: {example}")
    return _text(parts.hostname or "", "host")


def _parts(url: str, *, example: str) -> tuple[SplitResult, int | None]:
    """The parts of an address, none of them cut where a character within one separates parts."""
    if "://" not in url:
        scheme = example.removeprefix("write it as ").partition("USER")[0]
        raise DatabaseUrlError(f"the database's address has no scheme such as {scheme}; {example}")
    if "#" in url:
        raise DatabaseUrlError(f"the database's address has a `#`, which would end it: {_CODES}")
    if any(letter in url for letter in "\t\r\n"):
        raise DatabaseUrlError(
            "the database's address has a line break or a tab in it: take it out, or write it as %0A, %0D "
            "or %09"
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DatabaseUrlError(f"the database's address cannot be read: {example}, and {_CODES}") from None
    if parts.username is None and "@" in parts.path + parts.query:
        raise DatabaseUrlError(f"the database's address has a `/` or a `?` before its `@`: {_CODES}")
    place = parts.netloc.rpartition("@")[2]
    if place.count(":") > 1 and "[" not in place and "," not in place:
        raise DatabaseUrlError(
            "the database's address has several `:` in its host; an IPv6 address is written in brackets, as "
            f"in [::1]:{parts.netloc.rpartition(':')[2] or 5432}"
        )
    try:
        port = parts.port if "," not in place else None
    except ValueError:
        port = 0
    if port == 0:
        raise DatabaseUrlError("the port of the database's address is no number from 1 to 65535")
    return parts, port


def _options(query: str, *, engine: str) -> dict[str, str]:
    # A `+` is a plus here, as in libpq, and no blank, as in forms of web pages.
    given = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given) or "" in options.values():
        raise DatabaseUrlError("each option after the `?` of the database's address needs one value, once")
    if socket := sorted(_SOCKET_OPTIONS & options.keys()):
        path = (
            "%2Frun%2Fpostgresql"
            if ENGINES[engine].socket == "directory"
            else "%2Frun%2Fmysqld%2Fmysqld.sock"
        )
        raise DatabaseUrlError(
            f"the database's address has {socket[0]} as an option; a Unix socket stands in place of the "
            f"host, with its / as %2F: {_scheme(engine)}://USER@{path}/DATABASE"
        )
    unknown = sorted(set(options) - {"sslmode", "sslrootcert"})
    if unknown:
        raise DatabaseUrlError(
            f"the database's address has {', '.join(unknown)}; it takes sslmode, sslrootcert"
        )
    if (mode := options.get("sslmode")) and mode not in SSL_MODES:
        raise DatabaseUrlError(
            f"sslmode={mode} of the database's address is none; {suggestion(mode, SSL_MODES)}"
        )
    if file := options.get("sslrootcert"):
        options["sslrootcert"] = _certificate(file)
    return options


def _certificate(file: str) -> str:
    """The certificates of a file, tried as the client will read them."""
    try:
        text = Path(file).read_text(encoding="ascii")
        ssl.create_default_context(cadata=text)
    except (OSError, UnicodeDecodeError, ssl.SSLError, ValueError):
        raise DatabaseUrlError(
            f"sslrootcert={file} cannot be read; it must be a file with certificates in PEM"
        ) from None
    return text
