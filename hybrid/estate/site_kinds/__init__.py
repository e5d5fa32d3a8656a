"""`sites` of the estate file: one module a kind, which names its model KIND. A new kind is a new module."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from hybrid.estate.site_kinds.kind import SiteKind


def _kinds() -> dict[str, type[SiteKind]]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    kinds: list[type[SiteKind]] = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name(): kind for kind in kinds}


#: Value of the key `kind` → the model of such a site.
KINDS: Mapping[str, type[SiteKind]] = _kinds()

if TYPE_CHECKING:
    Site = SiteKind
else:
    Site: Any = Annotated[Union[tuple(KINDS.values())], Field(discriminator="kind")]  # noqa: UP007
