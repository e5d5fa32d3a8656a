"""Prints the engines as JSON, which is contracts/engines.json: `python -m hybrid_etl.engines`."""

from __future__ import annotations

import json
from dataclasses import asdict

from hybrid_etl.engines import ENGINES

print(json.dumps({name: asdict(engine) for name, engine in ENGINES.items()}, indent=1))
