"""The JSON Schema of the estate file, by which editors complete and check it."""

from __future__ import annotations

import json

from hybrid.estate.model import Estate


def schema_text() -> str:
    """The schema as it is kept in docs/reference/hybrid.schema.json."""
    schema = Estate.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Hybrid Airflow estate"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
