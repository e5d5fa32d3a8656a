"""Where the parts of a clone are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ESTATE = ROOT / "hybrid.yaml"
#: What differs between environments of one estate (docs/how-to/many-teams.md).
OVERLAYS = ROOT / "overlays"
ETL = ROOT / "etl"
DAGS = ROOT / "dags"
PLUGIN = DAGS / "plugin"

#: What the project makes for itself and git does not see.
STATE = ROOT / ".hybrid"
ENVIRONMENTS = STATE / "envs"
NODE_MODULES = STATE / "node"
DEMO = STATE / "demo"


def estate_file(word: str | Path) -> Path:
    """The estate file that a word means: a path, or the name of an overlay, `prod` for overlays/prod.yaml."""
    if isinstance(word, Path):
        return word
    is_name = re.fullmatch(r"[A-Za-z0-9_-]+", word) is not None and not Path(word).exists()
    return OVERLAYS / f"{word}.yaml" if is_name else Path(word)
