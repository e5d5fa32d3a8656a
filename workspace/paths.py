"""Where the parts of a clone are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ESTATE = ROOT / "hybrid.yaml"
ETL = ROOT / "etl"
DAGS = ROOT / "dags"
PLUGIN = DAGS / "plugin"

#: What the project makes for itself and git does not see.
STATE = ROOT / ".hybrid"
ENVIRONMENTS = STATE / "envs"
NODE_MODULES = STATE / "node"
DEMO = STATE / "demo"
