"""The receipt of a run, `_manifest.json`: written last, it makes the run's files visible."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hybrid_etl.columns import Column
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.lake import PART_RECEIPT, receipt_key
from hybrid_etl.readers import Database
from hybrid_etl.settings import Image
from hybrid_etl.specification import Specification
from hybrid_etl.writers.rolling import DataFile


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What one run left, with times in ISO 8601 UTC and sizes in bytes (docs/reference/contracts.md)."""

    specification: Specification
    interval: Interval | None
    attempt: str
    files: list[DataFile]
    columns: list[Column]
    database: Database
    host: str
    started_at: str
    finished_at: str
    refused: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    rounded: dict[str, int] = field(default_factory=dict)
    masked: dict[str, str] = field(default_factory=dict)
    decoder: str = "python"
    image: Image = field(default_factory=Image)
    seconds: dict[str, float] = field(default_factory=dict)
    statistics: dict[str, dict[str, object]] = field(default_factory=dict)
    kept: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    replaces: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where the receipt goes; that of a part, which no reader follows, goes beside its files."""
        prefix = self.specification.prefix
        if self.specification.part is None:
            return receipt_key(prefix, self.interval)
        return f"{prefix}/{directory_of(self.interval)}/{self.attempt}/{PART_RECEIPT}"

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    def document(self) -> dict[str, object]:
        """The receipt as its JSON object."""
        part = self.specification.part
        return {
            "version": 1,
            "estate": self.specification.estate,
            "site": self.specification.site,
            "source": self.specification.source,
            "pipeline": self.specification.pipeline,
            "specification": self.specification.sha256,
            "interval": described(self.interval),
            "attempt": self.attempt,
            "rows": self.rows,
            "bytes": self.bytes,
            "files": [asdict(file) for file in self.files],
            "schema": [
                {
                    "name": column.name,
                    "type": str(column.type),
                    "nullable": True,
                    "database_type": column.database_type,
                    **({"masked_type": str(column.masked_type)} if column.masked_type is not None else {}),
                }
                for column in self.columns
            ],
            "database": asdict(self.database),
            "host": self.host,
            "image": asdict(self.image),
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": self.seconds,
            "statistics": self.statistics,
            "refused": self.refused,
            "warnings": self.warnings,
            "rounded": self.rounded,
            "masked": self.masked,
            "decoder": self.decoder,
            **self.kept,
            **self.facts,
            **({"part": {"number": part.number, "count": part.count}, **self.replaces} if part else {}),
        }

    def encode(self) -> builtins.bytes:
        """The receipt as the bytes of its file."""
        return encode(self.document())


def described(interval: Interval | None) -> dict[str, str] | None:
    """An interval as receipts have it."""
    return {"from": interval.start.isoformat(), "to": interval.end.isoformat()} if interval else None


def encode(document: dict[str, object]) -> bytes:
    """A receipt's JSON object as the bytes of its file."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def has_columns_and_files(document: object) -> bool:
    """Whether a document names its columns and files as the receipts of every version do."""
    if not isinstance(document, dict):
        return False
    named = {"files": ("key",), "schema": ("name", "type")}
    return all(
        isinstance(entries := document.get(part), list)
        and all(isinstance(entry, dict) and _has_texts(entry, names) for entry in entries)
        for part, names in named.items()
    )


def _has_texts(entry: dict[str, object], names: tuple[str, ...]) -> bool:
    return all(isinstance(entry.get(name), str) for name in names)
