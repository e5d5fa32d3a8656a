"""Which part of the model a place of an estate file is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hybrid.estate.document import Path
from hybrid.estate.model import Estate
from hybrid.estate.site_kinds import KINDS
from hybrid.estate.site_kinds.kind import SiteKind


def model_at(location: Path) -> type[BaseModel] | None:
    """The model of a place, None for one that has no keys of its own.

    A site's kind may be in the location, as pydantic writes it; without it, a site is one of the first kind.
    """
    model: type[BaseModel] | None = Estate
    for part in location:
        if part in KINDS and model is not None and issubclass(model, SiteKind):
            model = KINDS[str(part)]
        elif model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _model_in(inner)) is not None:
            return found
    return None
