"""The engines: one module each, which calls its facts ENGINE. A new engine is a new module here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from hybrid_etl.engines.engine import Engine


def _engines() -> dict[str, Engine]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names if name != "__main__"]
    found: list[Engine] = [module.ENGINE for module in modules if hasattr(module, "ENGINE")]
    return {engine.name: engine for engine in found}


#: Name → engine.
ENGINES: Mapping[str, Engine] = _engines()
