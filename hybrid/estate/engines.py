"""The database engines that the container reads, by the facts that it gives of them (contracts/engines.json).

`bin/hybrid docs generate` writes that file from `hybrid_etl.engines`; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from workspace.paths import ROOT

FILE = ROOT / "contracts" / "engines.json"


class Engine(BaseModel):
    """What is to be known of an engine here; what each fact means, `hybrid_etl.engines.engine` says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    label: str
    port: int
    dialect: str
    quote: str
    folds: bool
    passthrough: bool
    encodings: bool
    named: tuple[str, ...]
    schemes: tuple[str, ...]
    catalog: str | None
    socket: Literal["file", "directory"]

    def quoted(self, name: str) -> str:
        """An identifier as the engine's SQL has it."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"


#: Name in the estate file → engine.
ENGINES: Mapping[str, Engine] = TypeAdapter(dict[str, Engine]).validate_json(FILE.read_bytes())

if TYPE_CHECKING:
    EngineName = str
else:
    EngineName: Any = Literal[tuple(ENGINES)]


def listed(engines: Iterable[Engine]) -> str:
    """Engines in words: `PostgreSQL, MySQL or MariaDB`."""
    *most, last = [engine.label for engine in engines]
    return f"{', '.join(most)} or {last}" if most else last
