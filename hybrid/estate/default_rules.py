"""What sources say for their pipelines: keys that may be said there, and values that a pipeline takes."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from hybrid.estate.document import Finding
from hybrid.estate.messages import sentences
from hybrid.estate.model import Estate
from hybrid.estate.pipelines import DEFAULTED, Pipeline
from hybrid.estate.suggestion import suggestion


def default_findings(estate: Estate) -> Iterator[Finding]:
    """Defaults that are none. Values are judged here only where no pipeline has them to be judged with."""
    for name, source in estate.sources.items():
        for key in source.defaults.keys() - DEFAULTED:
            if key in Pipeline.model_fields:
                message = "is of each pipeline itself, and has no default"
            else:
                message = f"is no key of a pipeline; {suggestion(key, DEFAULTED)}"
            yield ("sources", name, "defaults", key), message
        if not estate.pipelines_of(name):
            yield from _values(name, {key: v for key, v in source.defaults.items() if key in DEFAULTED})


def _values(name: str, defaults: dict[str, object]) -> Iterator[Finding]:
    tried = {"source": name, "query": "select 1", **defaults}
    try:
        Pipeline.model_validate(tried)
    except ValidationError as error:
        within = {"pipelines": {name: tried}}
        found = [{**one, "loc": ("pipelines", name, *one["loc"])} for one in error.errors()]
        for path, message in sentences(found, within):  # type: ignore[arg-type]
            yield ("sources", name, "defaults", *path[2:]), message
