"""The exported JSON Schema is the model's, and the estate at the root fits it."""

from __future__ import annotations

import json

import jsonschema
import yaml

from hybrid.estate.schema import schema_text
from workspace.paths import ESTATE, ROOT


def test_the_exported_schema_is_current() -> None:
    exported = (ROOT / "docs" / "reference" / "hybrid.schema.json").read_text()

    assert exported == schema_text(), "run: bin/hybrid schema > docs/reference/hybrid.schema.json"


def test_the_estate_at_the_root_fits_the_schema() -> None:
    schema = json.loads(schema_text())

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(ESTATE.read_text()))
