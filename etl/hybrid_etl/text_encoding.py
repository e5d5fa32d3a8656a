"""Encodings by the names of Python's codecs: which of them a database can be in, and texts in one."""

from __future__ import annotations

import codecs

from hybrid_etl.errors import UserError

UTF8 = "utf-8"
_PROBE = bytes(range(1, 128)) + rb"\x41\u0041 +AGE- ~{VP~}" + b"\x1b$B!!\x1b(B"
"""What an encoding of a database leaves as it is, and one with escapes (UTF-7, HZ, ISO 2022) does not."""


def codec_of(value: object, *, where: str) -> str | None:
    """The codec's own name, None for None; raises UserError for one that is unknown or changes ASCII."""
    if value is None:
        return None
    try:
        codec = codecs.lookup(str(value)).name
        fits = _PROBE.decode(codec) == _PROBE.decode("ascii")
    except LookupError:
        raise UserError(
            f"{where}: encoding {value!r} is unknown; write it as latin1, cp1252 or euc_jp."
        ) from None
    except ValueError:
        fits = False
    if not fits:
        raise UserError(
            f"{where}: encoding {value!r} changes ASCII, as no database's does; write it as latin1, "
            "cp1252 or euc_jp."
        )
    return codec


def encoded(text: str, encoding: str) -> bytes:
    """A query or a parameter as the database stores text; raises UserError for what the encoding has not."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise UserError(
            f"The query or a parameter holds a character that {encoding} has not; correct it, or the "
            "source's encoding."
        ) from None


def decoded_name(name: bytes | None, encoding: str) -> str:
    """A column's name as text; raises UserError for bytes that are none of the encoding."""
    try:
        return (name or b"").decode(encoding)
    except UnicodeDecodeError:
        raise UserError(
            f"A column's name is not {encoding}; name it with AS, or correct the source's encoding."
        ) from None
