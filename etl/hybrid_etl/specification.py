"""What one pipeline is: read by its hash, verified, checked field by field."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hybrid_etl.contract import Contract
from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError
from hybrid_etl.incremental import Incremental
from hybrid_etl.partitions import KeyRange, Partitions
from hybrid_etl.query import Parameter, check_parameters, names_interval
from hybrid_etl.settling import Settling
from hybrid_etl.specification_shape import check_kinds, read_object
from hybrid_etl.text_encoding import codec_of

COMPRESSIONS = {
    "parquet": ("zstd", "snappy", "none"),
    "csv": ("zstd", "gzip", "none"),
    "jsonl": ("zstd", "gzip", "none"),
}
POLICIES = ("fail", "null", "string")
ROW_SECURITY = ("refuse", "allow")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Format:
    """File format and its compression, both as the contract names them.

    `passthrough` is CSV as PostgreSQL's own COPY writes it, from no decoded value.
    """

    type: str = "parquet"
    compression: str = "zstd"
    passthrough: bool = False

    @property
    def suffix(self) -> str:
        """End of a data file's name: `.parquet`, `.csv.zst`, `.jsonl.gz`, …"""
        ending = {"zstd": ".zst", "gzip": ".gz"}.get(self.compression, "")
        return f".{self.type}" + ("" if self.type == "parquet" else ending)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Timeouts in seconds; `bytes_per_second` to the lake; `connections`, runs that read the source at once.

    0 or null is no limit.
    """

    statement_timeout_seconds: float = 3600
    lock_timeout_seconds: float = 30
    bytes_per_second: int | None = None
    connections: int | None = None


@dataclass(frozen=True, kw_only=True)
class Specification:
    """One pipeline as the container sees it.

    `sha256` is the digest of the bytes it was read from; `part` is the key range that a run is limited to;
    `most_rows` limits a trial to some rows of what it would read.
    """

    sha256: str
    estate: str
    site: str
    source: str
    pipeline: str
    engine: str
    query: str
    prefix: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    incremental: Incremental | None = None
    settling: Settling | None = None
    format: Format = field(default_factory=Format)
    partition_by: tuple[str, ...] = ()
    target_file_bytes: int = 256 * 1024 * 1024
    unrepresentable: str = "fail"
    decimal_width: int = 128
    row_security: str = "refuse"
    encoding: str | None = None
    masks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    partitions: Partitions | None = None
    part: KeyRange | None = None
    contract: Contract = field(default_factory=Contract)
    most_rows: int | None = None

    @property
    def reads_interval(self) -> bool:
        """Whether the interval of a run says what is read."""
        return self.incremental is not None or names_interval(self.query, engine=self.engine)

    def of_part(self, number: int | None) -> Specification:
        """The same pipeline limited to one of its key ranges; raises UserError where it has no such range."""
        if number is None:
            return self
        if self.partitions is None:
            raise UserError(f"--part {number}: pipeline {self.pipeline} has no partitions; leave it out.")
        return replace(self, part=self.partitions.key_range(number))

    def landing(self, names: Iterable[str]) -> list[str]:
        """Those of a query's columns that leave the site: all but what masks drop."""
        return [name for name in names if self.masks.get(name, {}).get("kind") != "drop"]

    @classmethod
    def parse(cls, content: bytes, *, digest: str, where: str) -> Specification:
        """Verify and read a specification.

        Raises UserError when the bytes do not have the digest, are no JSON, or a field is missing or wrong.
        """
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise UserError(f"{where} has the digest {found}, not {digest}: it was altered; deploy it again.")
        document = read_object(content, what=where, then="deploy it again.")
        if document.get("version") != 1:
            raise UserError(
                f"{where} has version {document.get('version')!r} and this container reads version 1; "
                "deploy the matching image."
            )
        check_kinds(document, where=where)
        return _build(cls, document, digest=digest, where=where)


def check_digest(text: str) -> str:
    """The digest of a specification as lower-case hexadecimal; raises UserError when it is none."""
    if not _DIGEST.fullmatch(text):
        raise UserError(
            f"{text!r} is not a specification's SHA-256; give its 64 lower-case hexadecimal digits."
        )
    return text


def _build(cls: type[Specification], document: dict[str, Any], *, digest: str, where: str) -> Specification:
    def one_of(key: str, value: object, allowed: tuple[str, ...]) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise UserError(f"{where}: {key} is {value!r}; it must be one of {', '.join(allowed)}.")
        return str(value)

    def text(key: str) -> str:
        value = document.get(key)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}: {key} is {value!r}; it must be a text.")
        return value

    file_format = {"type": "parquet", "compression": "zstd"} | (document.get("format") or {})
    kind = one_of("format.type", file_format["type"], tuple(COMPRESSIONS))
    compression = one_of("format.compression", file_format["compression"], COMPRESSIONS[kind])
    passthrough = file_format.get("passthrough", False)
    if not isinstance(passthrough, bool):
        raise UserError(f"{where}: format.passthrough is {passthrough!r}; it must be true or false.")
    if passthrough:
        _check_passthrough(document, kind=kind, where=where)
    target = document.get("target_file_bytes", cls.target_file_bytes)
    if not isinstance(target, int) or isinstance(target, bool) or target < 1:
        raise UserError(f"{where}: target_file_bytes is {target!r}; it must be a positive number of bytes.")
    return cls(
        sha256=digest,
        estate=text("estate"),
        site=text("site"),
        source=text("source"),
        pipeline=text("pipeline"),
        query=text("query"),
        engine=one_of("engine", document.get("engine"), tuple(ENGINES)),
        prefix=text("prefix").strip("/"),
        parameters=check_parameters(document.get("parameters") or {}, where=where),
        incremental=Incremental.parse(document, where=where),
        settling=Settling.parse(document, where=where),
        format=Format(type=kind, compression=compression, passthrough=passthrough),
        partition_by=tuple(document.get("partition_by") or ()),
        target_file_bytes=target,
        unrepresentable=one_of("unrepresentable", document.get("unrepresentable", "fail"), POLICIES),
        decimal_width=int(one_of("decimal_width", str(document.get("decimal_width", 128)), ("128", "256"))),
        row_security=one_of("row_security", document.get("row_security", "refuse"), ROW_SECURITY),
        encoding=codec_of(document.get("encoding"), where=where),
        masks=document.get("masks") or {},
        limits=_limits(document.get("limits") or {}, where=where),
        partitions=Partitions.parse(document.get("partitions"), where=where),
        contract=Contract.parse(document, where=where),
        most_rows=_most_rows(document.get("most_rows"), where=where),
    )


def _most_rows(value: object, *, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63):
        return value
    raise UserError(f"{where}: most_rows is {value!r}; it must be a number of rows from 1 to {2**63 - 1}.")


def _check_passthrough(document: dict[str, Any], *, kind: str, where: str) -> None:
    """Raise UserError for what needs values, of which a pass-through knows none."""
    writers = [name for name, engine in ENGINES.items() if engine.passthrough]
    if kind != "csv" or document.get("engine") not in writers:
        raise UserError(f"{where}: format.passthrough is for CSV from {', '.join(writers)}; leave it out.")
    for key in ("masks", "partition_by"):
        if document.get(key):
            raise UserError(
                f"{where}: format.passthrough sends what the server writes, so {key} cannot be kept; "
                "leave either out."
            )
    if document.get("encoding"):
        raise UserError(
            f"{where}: format.passthrough sends the server's bytes as they are, in no other encoding; leave "
            "format.passthrough or the source's encoding out."
        )
    if document.get("unrepresentable", "fail") != "fail":
        raise UserError(
            f"{where}: format.passthrough refuses no value; leave unrepresentable at its default, fail."
        )


def _limits(document: dict[str, Any], *, where: str) -> Limits:
    for name, value in document.items():
        if name not in Limits.__dataclass_fields__:
            raise UserError(
                f"{where}: limits.{name} is unknown to this container; deploy the matching image."
            )
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise UserError(
                f"{where}: limits.{name} is {value!r}; it must be a number of at least 0, or null."
            )
    return Limits(
        **{name: (value or 0) if name.endswith("seconds") else value for name, value in document.items()}
    )
