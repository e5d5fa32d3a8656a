"""What a wrong estate file is told: a sentence each, with what stands there and what would be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hybrid.cli.main import app
from hybrid.estate import EstateError
from hybrid.estate.forms import _FORMS
from hybrid.estate.loading import check
from hybrid.estate.schema import schema_text

FILE = """\
environment: {name: acme, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites:
  cellar: {kind: anywhere}
  cloud: {kind: cloud}
sources:
  crm: {site: cellar, engine: postgresql}
  erp: {site: cloud, engine: mariadb}
pipelines:
  customers:
    source: crm
    query: select id, Email, day from customers
"""

#: Each line is nine times the one before, 9 ** 10 values in all.
_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
_UNKNOWN = "which the query does not return; known: day, email, id"
_NO_ROW = "takes every column, so the files would hold no row; name fewer, or return another column"

#: (lines that are added to the pipeline, the whole of what is said of it)
WRONG = [
    ("parameters: {x: [1, null]}",
     ["parameters.x.1: is empty (null); it takes a text, a number, or true or false"]),
    ("parameters: {x: {a: 1}}",
     ["parameters.x: is a mapping of keys; it takes a text, a number, true or false, or a list"]),
    ("parameters: {x: 2026-01-01}",
     ["parameters.x: is the date 2026-01-01 to YAML; put it into quotes: '2026-01-01'"]),
    ("parameters: {x: .nan, y: [1, -.inf]}",
     ["parameters.x: is .nan, which JSON has not; write a number, or compute it in the query",
      "parameters.y.1: is .inf, which JSON has not; write a number, or compute it in the query"]),
    ("expect: {range: {id: [1, .inf]}}",
     ["expect.range.id.1: is .inf, which JSON has not; write null for no bound"]),
    ("settle: true", ["settle: is true; it takes a number"]),
    ("target_file_bytes: yes", ["target_file_bytes: is true; it takes a number"]),
    ("max_active_runs: 1.5", ["max_active_runs: is `1.5`; it takes a whole number"]),
    ("max_active_runs: some", ["max_active_runs: is `some`; it takes a whole number"]),
    ("run_deadline: 5", ["run_deadline: is `5`; it takes at least 60"]),
    ("description: 5", ["description: is `5` to YAML, and the key takes a text; put it into quotes"]),
    ("description: no", ["description: is false to YAML, and the key takes a text; put it into quotes"]),
    ("start_date: tomorrow", ["start_date: is `tomorrow`; it takes a date, 2026-01-31"]),
    ("masks: {email: hash}", ["masks.email: is `hash`; it takes keys with values"]),
    ("masks: {email: {kind: hsh}}",
     ["masks.email.kind: `hsh` is not one of 'hash', 'drop', 'truncate' or 'redact'; did you mean `hash`?"]),
    ("expect: {unique: [5]}", ["expect.unique.0: is `5`; it takes a text or a list"]),
    ("prefix: /a", ["prefix: `/a` does not fit; write it as parts of letters, digits and _ . = - with single "
                    "slashes between them: crm/customers"]),
    ("no: 5", ["no: is no text to YAML, as no, yes, on, off and numbers are none; put this key into quotes"]),
    # Columns, where the query's own list is plain
    ("masks: {phone: {kind: hash}}", [f"masks: names `phone`, {_UNKNOWN}"]),
    ("masks: {Email: {kind: hash}}",
     ["masks: names `Email`, which the query does not return; did you mean `email`? "
      "(PostgreSQL folds names without quotes)"]),
    ("columns: [id, phone]", [f"columns: names `phone`, {_UNKNOWN}"]),
    ("incremental_column: dey", ["incremental_column: names `dey`, which the query does not return; "
                                 "did you mean `day`?"]),
    ("partitions: {column: key, lower: 0, upper: 9, count: 2}",
     [f"partitions: names `key`, {_UNKNOWN}"]),
    ("expect: {nulls: {phone: 0}}",
     [f"expect: names `phone`, {_UNKNOWN}"]),
    ("partition_by: [day, day]", ["partition_by: names `day` more than once; name it once"]),
    ("partition_by: [email]\n    masks: {email: {kind: drop}}",
     ["partition_by: names `email`, which a mask drops; take out either"]),
    ("partition_by: [day, email, id]",
     [f"partition_by: {_NO_ROW}"]),
    ("columns: [id, day]\n    partition_by: [id, day]",
     [f"partition_by: {_NO_ROW}"]),
    ("columns: [id, email]\n    masks: {email: {kind: drop}}\n    partition_by: [id]",
     [f"partition_by: {_NO_ROW}"]),
    ("columns: [email]\n    masks: {email: {kind: drop}}",
     ["masks: drops every column; leave one, or take the pipeline out"]),
    # Schedules
    ("schedule: daily", ["schedule: `daily` is no cron line; did you mean `@daily`?"]),
    ("schedule: '@dayly'", ["schedule: `@dayly` is no preset; did you mean `@daily`?"]),
    ("schedule: every day",
     ["schedule: `every day` is no cron line; write five fields, as in `30 4 * * *`, or a preset, as "
      "`@daily`"]),
    ("schedule: 0 25 * * *",
     ["schedule: `0 25 * * *` is no cron line: out of range; write five fields, as in `30 4 * * *`"]),
    ("schedule: 0 4 * * 0-6/0",
     ["schedule: `0 4 * * 0-6/0` is no cron line: step '0' in field 4 is not acceptable; write five fields, "
      "as in `30 4 * * *`"]),
    ("schedule: '@fortnightly'", ["schedule: `@fortnightly` is no preset; did you mean `@monthly`?"]),
    ("schedule: H 4 * * *", ["schedule: `H` in `H 4 * * *` would be drawn by lot; write a number"]),
    ("schedule: 0 R/5 * * *", ["schedule: `R/5` in `0 R/5 * * *` would be drawn by lot; write a number"]),
    ("schedule: 0 0 30 2 *",
     ["schedule: `0 0 30 2 *` never comes; write a day that its months have"]),
    ("schedule: after",
     ["schedule: `after` is a key of its own; write `after: [PIPELINE]` in place of `schedule`"]),
    ("schedule: '@daily'\n    start_date: 9999-12-31",
     ["schedule: `@daily` has no run after `start_date` 9999-12-31; write an earlier date"]),
    ("schedule: '@continuous'\n    max_active_runs: 2",
     ["max_active_runs: `schedule: '@continuous'` has one run at a time; write 1, or leave this out"]),
    *((f"schedule: '{preset}'\n    incremental_column: day",
       [f"schedule: a run by `{preset}` has no interval, and `customers` reads one; write a cron line or "
        "another preset"]) for preset in ("@once", "@continuous")),
    (f"tags: [{'x' * 120}]", ["tags.0: has 120 characters, and Airflow keeps 100; shorten it by 20"]),
    ("schedule: '@daily'\n    schedule_zone: Europe/Lissabon",
     ["schedule_zone: is no time zone; write an IANA name such as Europe/Lisbon"]),
    ("schedule: '@daily'\n    schedule_zone: ../UTC",
     ["schedule_zone: is no time zone; write an IANA name such as Europe/Lisbon"]),
    *((f"schedule: '@daily'\n    schedule_zone: {zone}",
       ["schedule_zone: is no time zone; write an IANA name such as Europe/Lisbon"])
      for zone in ("localtime", "right/Europe/Lisbon", "Europe", "''")),
    ("schedule_zone: Europe/Lisbon",
     ["schedule_zone: says something of a cron line in `schedule`, which is not there; take it out"]),
    ("schedule: '@once'\n    calendar: portugal\ncalendars: {portugal: [2026-12-25]}",
     ["calendar: says something of a cron line in `schedule`, which is not there; take it out"]),
    ("schedule: '@daily'\n    calendar: portugl\ncalendars: {portugal: [2026-12-25]}",
     ["calendar: no calendar `portugl`; did you mean `portugal`?"]),
    ("on_failure: tell",
     ["on_failure: `tell` does not fit; write it as a module and a function of it: sales_team.calls:tell"]),
    ("schedule: '@daily'\n    after_assets: ['s3://finance/rates/']",
     ["schedule: has `after_assets` too; a pipeline takes one of the two"]),
    ("incremental_column: day\n    after_assets: ['s3://finance/rates/']",
     ["after_assets: `customers` reads an interval, and an asset of another DAG has none; write a `schedule` "
      "in place of this"]),
    # What lands before it
    ("incremental_column: day\n    after: [orders]\n  orders: {source: erp, query: select 1 as n}",
     ["after: `customers` reads the interval that landed before it, and `orders` does not land an interval; "
      "write a `schedule` in place of this, or name a pipeline that does"]),
    ("after: [b]\n  b: {source: erp, query: select 1 as n, after: [customers]}",
     ["after: `customers` waits for itself by way of another pipeline"]),
]  # fmt: skip


def told(text: str) -> list[str]:
    try:
        check(text, file="f")
    except EstateError as error:
        return [f"{problem.key}: {problem.message}" for problem in error.problems]
    return []


@pytest.mark.parametrize(("lines", "says"), WRONG, ids=[lines for lines, _ in WRONG])
def test_a_wrong_pipeline_is_told_in_words(lines: str, says: list[str]) -> None:
    # Of a cycle, each pipeline in it is told; what is said of this one counts.
    found = [one for one in told(f"{FILE}    {lines}\n") if not one.startswith("pipelines.b.")]
    assert found == [f"pipelines.customers.{one}" for one in says]


RIGHT = [
    "schedule: 0 4 * * MON-FRI",
    "schedule: '@daily'",
    *(
        f"schedule: '{line}'"
        for line in (
            "0 0 L * *",
            "0 0 29 2 *",
            "0 9-17/2 * * mon-fri",
            "0 0 * * MON#2",
            "30 0 4 * * *",
            "@quarterly",
            "@midnight",
        )
    ),
    "schedule: '@continuous'",
    "schedule: '@once'\n    max_active_runs: 2",
    "incremental_column: day\n    schedule: '@hourly'\n    max_active_runs: 4",
    "incremental_column: day\n    after: [a, b]\n  a: {source: erp, query: select 1 as n}\n"
    "  b: {source: erp, query: select 1 as n, incremental_column: n, incremental_unit: seconds, prefix: b}",
    f"tags: [{'x' * 100}]",
    "masks: {email: {kind: hash}}",
    "partition_by: [day]",
    "parameters: {x: [1, a, 2.5]}",
    "catchup: yes",
]


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("0 25 * * *",
         "dags.both.schedule: `0 25 * * *` is no cron line: out of range; write five fields, as in "
         "`30 4 * * *`"),
        ("@once",
         "dags.both.schedule: a run by `@once` has no interval, and `customers` reads one; write a cron line "
         "or another preset"),
    ],
)  # fmt: skip
def test_a_schedule_of_a_dag_is_judged_as_one_of_a_pipeline_is(schedule: str, says: str) -> None:
    dag = f"dags: {{both: {{pipelines: [customers, other], schedule: '{schedule}'}}}}\n"
    pipelines = "    incremental_column: day\n  other: {source: erp, query: select 1 as n}\n"
    assert told(FILE + pipelines + dag) == [says]


@pytest.mark.parametrize("lines", RIGHT)
def test_a_right_pipeline_is_told_nothing(lines: str) -> None:
    assert told(f"{FILE}    {lines}\n") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("engine: mariadb", "engine: mariadb, cpu: 300",
         "sources.erp.cpu: Fargate takes 256, 512, 1024, 2048, 4096, 8192, 16384 CPU units, not 300"),
        ("engine: mariadb", "engine: postgres",
         "sources.erp.engine: `postgres` is not one of 'mariadb', 'mysql' or 'postgresql'; did you mean "
         "`postgresql`?"),
        ("[eu-west-1a, eu-west-1b]", "eu-west-1a",
         "network.availability_zones: is `eu-west-1a`; it takes a list"),
        ("region: eu-west-1", "region: Ireland",
         "environment.region: `Ireland` does not fit; write it as an AWS Region: eu-west-1"),
        ("  cellar: {kind: anywhere}", "  cellar:",
         "sites.cellar: is empty (null); it takes keys with values"),
        ("name: acme", "name: acme, account: 123456789012",
         "environment.account: is `123456789012` to YAML, and the key takes a text; put it into quotes"),
    ],
)  # fmt: skip
def test_a_wrong_value_elsewhere_is_told_in_words(old: str, new: str, says: str) -> None:
    assert says in told(FILE.replace(old, new))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a:\n\tb: 1\n", 2, "not YAML: a tab stands where the indentation is; write spaces"),
        ("a:\n  b: c: d\n", 2, "not YAML: a second `: ` on this line"),
        ("a:\n  b: [c\nd: 1\n", 3,
         "not YAML: expected ',' or ']', but got ':' (while parsing a flow sequence that begins on line 2)"),
        ("[" * 5000, 1, "an alias (`*name`) is within what it stands for, or keys are nested too deep"),
        (_BOMB, 1, "aliases (`*name`) repeat aliases without end"),
        ("a: &x [*x]\n", 1, "an alias (`*name`) is within what it stands for"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_told_with_its_remedy(text: str, line: int, says: str) -> None:
    with pytest.raises(EstateError) as refused:
        check(text, file="f")

    [problem] = refused.value.problems
    assert problem.line == line
    assert problem.message.startswith(says)


def test_a_region_that_nobody_knows_is_warned_of() -> None:
    _, warnings = check(FILE.replace("eu-west-1", "eu-wset-1"), file="f")

    assert [(one.key, one.message) for one in warnings] == [
        (
            "environment.region",
            "`eu-wset-1` is no AWS Region that the AWS SDK here knows; did you mean `eu-west-1`?",
        )
    ]


def test_every_form_of_the_model_is_there_in_words() -> None:
    def patterns(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
            return own.union(*map(patterns, part.values()))
        return set().union(*map(patterns, part)) if isinstance(part, list) else set()

    assert patterns(json.loads(schema_text())) == set(_FORMS)


def test_several_files_and_standard_input_are_checked_at_once(tmp_path: Path) -> None:
    # Given a file that is right and one that is wrong
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text(FILE)
    wrong.write_text(FILE.replace("engine: mariadb", "engine: oracle"))

    # When they are checked together with what is piped in
    done = CliRunner().invoke(app, ["validate", str(right), str(wrong), "-"], input="[]")
    as_json = CliRunner().invoke(app, ["validate", "--json", "-", str(wrong)], input=FILE)

    # Then each is told of, and the exit code is that of the wrong one
    assert done.exit_code == 2
    assert done.stdout == f"{right}: estate `acme` is valid: 2 sites, 2 sources, 1 pipeline, 0 DAGs\n"
    assert f"{wrong}:8: sources.erp.engine" in done.stderr
    assert "standard input:1: expected keys" in done.stderr
    assert done.stderr.endswith("2 problems\n")
    assert [one["file"] for one in json.loads(as_json.stdout)["problems"]] == [str(wrong)]


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "hybrid.yaml").write_text(FILE)

    done = CliRunner().invoke(app, ["validate", str(tmp_path / "hybird.yaml")])

    assert done.exit_code == 2
    assert f"there is no such file; did you mean `{tmp_path / 'hybrid.yaml'}`?" in done.stderr


def test_a_pipeline_that_nothing_starts_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "hybrid.yaml"
    file.write_text(FILE)
    assert (
        "nothing starts customers (no `schedule`" in CliRunner().invoke(app, ["validate", str(file)]).stderr
    )

    file.write_text(f"{FILE}dags: {{all: {{pipelines: [customers]}}}}\n")
    assert "nothing starts" not in CliRunner().invoke(app, ["validate", str(file)]).stderr
