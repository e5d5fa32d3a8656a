"""The receipt of a run, `_manifest.json`: written last, it makes the run's files visible."""

from __future__ import annotations

import builtins
import json
from dataclasses import asdict, dataclass, field

from hybrid_etl.columns import Column
from hybrid_etl.interval import Interval
from hybrid_etl.readers import Database
from hybrid_etl.settings import Image
from hybrid_etl.specification import Specification
from hybrid_etl.writers.rolling import DataFile

NAME = "_manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
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
    masked: dict[str, str] = field(default_factory=dict)
    decoder: str = "python"
    image: Image = field(default_factory=Image)
    seconds: dict[str, float] = field(default_factory=dict)
    statistics: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    def document(self) -> dict[str, object]:
        """The manifest as its JSON object."""
        interval = self.interval
        return {
            "version": 1,
            "estate": self.specification.estate,
            "site": self.specification.site,
            "source": self.specification.source,
            "pipeline": self.specification.pipeline,
            "specification": self.specification.sha256,
            "interval": {"from": interval.start.isoformat(), "to": interval.end.isoformat()}
            if interval
            else None,
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
            "masked": self.masked,
            "decoder": self.decoder,
        }

    def encode(self) -> builtins.bytes:
        """The manifest as the bytes of its file."""
        return (json.dumps(self.document(), ensure_ascii=False, indent=1) + "\n").encode()
