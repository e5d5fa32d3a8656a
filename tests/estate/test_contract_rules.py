"""Columns and expectations of a pipeline: what is refused, what is warned of, what the container gets."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybrid.artifacts.compile import specification
from hybrid.cli.main import app
from hybrid.estate import EstateError, load_estate
from hybrid.estate.contract_rules import selects_star
from hybrid.estate.loading import load_with_warnings
from workspace.paths import ROOT

FILE = """\
environment: {name: acme, region: eu-west-1}
network:
  availability_zones: [eu-west-1a, eu-west-1b]
sites:
  cellar: {kind: anywhere}
sources:
  crm: {site: cellar, engine: postgresql}
pipelines:
  orders:
    source: crm
    query: select * from orders
    incremental_column: at
    masks: {email: {kind: redact}}
"""

STARS = [
    "select * from t", "select t.* from t", 'select id, "T"."a".* from t', "select distinct * from t",
    "select a, * from t", "with q as (select 1) select * from q", "select 1 union all select * from t",
    "(select * from a) union (select 1)", "((select id from a) union all (select * from b))",
    "select /* * */ * from t", "select distinct on (a, b) * from t", "select sql_no_cache * from t",
    "table t", "select id from a union table b", "SELECT\n  *\nFROM t",
]  # fmt: skip
NO_STARS = [
    "select id from t", "select count(*) from t", "select a * b from t", "select 2 * 3", "select (1) * 2",
    "select '*' from t", 'select "*" from t', "select `*` from t", "select 1 -- , *",
    "select id from (select * from t) q", "with q as (select * from t) select id from q",
    "select id from t where exists (select * from u)", "select a /* , * */ from t", "select $$ select * $$",
    "select id, (select max(n) * 2 from u) from t", "select id from t order by a, b * 2",
]  # fmt: skip


@pytest.mark.parametrize(("query", "star"), [(q, True) for q in STARS] + [(q, False) for q in NO_STARS])
def test_a_star_of_the_outermost_list_is_found_and_no_other(query: str, star: bool) -> None:
    assert selects_star(query) is star


WRONG = [
    ("    columns: [id, id]", 14, "id is listed twice"),
    ("    columns: [id]", 13, "masks: names `email`, which `columns` does not list"),
    ("    on_drift: ignore", 14, "`ignore` is not one of"),
    ("    expect: {rows: {min: 3, max: 2}}", 14, "`min` 3 is more than `max` 2"),
    ("    expect: {rows: {change: half}}", 14, "half is no share of rows"),
    ("    expect: {rows: {mim: 3}}", 14, "did you mean `min`?"),
    ("    expect: {nulls: {id: 3}}", 14, "3.0 is more than all rows"),
    ("    expect: {range: {id: [3]}}", 14, "a range is [least, greatest]"),
    ("    expect: {range: {id: [3, 2]}}", 14, "3 is more than 2; swap them"),
    ("    expect: {freshness: soon}", 14, "soon is no time span"),
    (
        "    expect:\n      unique: [name]\n    partitions: {column: id, lower: 0, upper: 9, count: 2}",
        15,
        "cannot be known of key ranges",
    ),
    ("    columns: [email, id, ID]", 14, "`id` and `ID` are one column to Spark"),
    ("    columns: [email, Interval]", 14, "`Interval` is the name of the run's directory"),
    ("    expect: {unique: [[]]}", 14, "a list of columns is empty"),
    ("    expect: {range: {id: [.nan, 3]}}", 14, "nothing is less or greater than .nan"),
    ("    columns: [email]\n    expect: {nulls: {id: 0}}", 15, "names `id`, which `columns` does not list"),
]


@pytest.mark.parametrize(("more", "line", "said"), WRONG)
def test_a_wrong_contract_is_refused_with_its_line(tmp_path: Path, more: str, line: int, said: str) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(FILE + more + "\n")

    with pytest.raises(EstateError) as refused:
        load_estate(file)

    assert any(problem.line == line and said in str(problem) for problem in refused.value.problems), str(
        refused.value
    )


def test_a_star_beside_masks_is_warned_of_and_columns_end_the_warning(tmp_path: Path) -> None:
    # Given
    file = tmp_path / "hybrid.yaml"
    file.write_text(FILE)
    # When
    said = CliRunner().invoke(app, ["validate", str(file)])
    told = json.loads(CliRunner().invoke(app, ["validate", "--json", str(file)]).stdout)
    # Then
    assert said.exit_code == 0
    assert f"warning: {file}:11: pipelines.orders.query: takes all columns" in said.output.replace("\n", "")
    assert told["valid"] is True
    assert [(one["line"], one["key"]) for one in told["warnings"]] == [(11, "pipelines.orders.query")]
    # And with an allow-list there is none
    file.write_text(FILE + "    columns: [id, at, email]\n")
    assert json.loads(CliRunner().invoke(app, ["validate", "--json", str(file)]).stdout)["warnings"] == []


def test_the_container_gets_the_contract_with_dates_as_text(tmp_path: Path) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(
        FILE + "    columns: [email, id, at]\n    on_drift: fail\n    expect:\n"
        "      rows: {min: 1, change: 50%}\n      nulls: {email: 0.01}\n      unique: [[id, at], id]\n"
        "      range: {at: [2026-01-01, null], id: [0, 1e6]}\n      freshness: 2d\n"
    )

    made = json.loads(specification(load_estate(file), "orders").content)

    assert (made["columns"], made["on_drift"], made["select_star"]) == (["email", "id", "at"], "fail", True)
    assert made["expect"] == {
        "rows": {"min": 1, "change": "50%"},
        "nulls": {"email": 0.01},
        "unique": [["id", "at"], "id"],
        "range": {"at": ["2026-01-01", None], "id": [0, "1e6"]},
        "freshness": "2d",
    }


def test_the_examples_of_the_how_to_page_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/columns-and-expectations.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    head = FILE.partition("    query:")[0]
    assert len(examples) == 2
    for example in examples:
        file = tmp_path / "hybrid.yaml"
        file.write_text(head + textwrap.indent(example, "    "))
        assert load_with_warnings(file)[1] == []
