"""The base of every part of the estate file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of every part of the file: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
