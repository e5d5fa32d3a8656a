"""The JSON Schema of the estate file, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import Any

from hybrid.estate.model import Estate
from hybrid.estate.pipelines import DEFAULTED


def schema_text() -> str:
    """The schema as it is kept in docs/reference/hybrid.schema.json.

    What an editor shows beside a key is its description; so that says too what a change of the key costs.
    """
    schema = Estate.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for described in part.get("properties", {}).values():
            if "x-change" in described:
                described["description"] += f"\n\nTo change it later: {_cost(described)}"
    schema["$defs"]["Source"]["properties"]["defaults"] |= {
        "properties": {key: {"$ref": f"#/$defs/Pipeline/properties/{key}"} for key in sorted(DEFAULTED)},
        "additionalProperties": False,
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Hybrid Airflow estate"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _cost(described: dict[str, Any]) -> str:
    return f"{described['x-change']}. {described.get('x-change-note', '')}".strip()
