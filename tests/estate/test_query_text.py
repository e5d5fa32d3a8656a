"""The estate finds the parameters of a query where the container does, and says what is not meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybrid.cli import main
from hybrid.estate.query_rules import parameters_named
from workspace.paths import ROOT

_CASES = json.loads((ROOT / "contracts" / "cases" / "queries.json").read_text())
_ESTATE = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: anywhere}}
sources: {crm: {site: cellar, engine: postgresql}}
pipelines:
  customers:
    source: crm
    query: select 1 from t where c in (:countries)
    parameters: {countries: COUNTRIES}
"""


@pytest.mark.parametrize(("engine", "query", "expected"), _CASES)
def test_the_same_names_are_found(engine: str, query: str, expected: str) -> None:
    count = sum(f"<{number}>" in expected for number in range(2))
    assert len(parameters_named(query, engine=engine, known={"a", "b"})) == count


@pytest.mark.parametrize(
    ("countries", "words"),
    [
        ("[PT, ES]", "is valid"),
        ("'PT,ES'", "pipelines.customers.parameters.countries: is one text with commas"),
        ("[]", "empty"),
    ],
)
def test_validate_knows_lists_and_warns_of_a_text_that_looks_like_one(
    tmp_path: Path, countries: str, words: str
) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(_ESTATE.replace("COUNTRIES", countries))
    outcome = CliRunner().invoke(main.app, ["validate", str(file)])
    assert words in outcome.output, outcome.output


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select 1; select 2", "two statements"),
        ("select :countries", "is a list"),
        ("select 'x", "never ends"),
    ],
)
def test_a_wrong_query_is_found_before_it_runs(tmp_path: Path, query: str, words: str) -> None:
    file = tmp_path / "hybrid.yaml"
    text = _ESTATE.replace("COUNTRIES", "[PT]").replace(
        "select 1 from t where c in (:countries)", f'"{query}"'
    )
    file.write_text(text)
    outcome = CliRunner().invoke(main.app, ["validate", str(file)])
    assert outcome.exit_code == 2
    assert words in outcome.output
