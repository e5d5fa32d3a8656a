"""`bin/hybrid sources inspect` against real servers: what it lists, and that what it writes runs."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trial_servers import ESTATE, say, servers

from hybrid.catalog.pipelines import pipeline_lines, pipeline_name
from hybrid.catalog.tables import CatalogColumn, CatalogTable
from hybrid.catalog.writing import CannotBeWritten, add_pipelines
from hybrid.estate.loading import load_estate
from workspace.paths import ROOT

_STARTS = {"postgresql": servers.postgresql, "mariadb": servers.mariadb, "mysql": servers.mysql}
_PROGRAMS = {"postgresql": "initdb", "mariadb": "mariadbd"}


@pytest.fixture(scope="module", params=list(_STARTS))
def shop(request: pytest.FixtureRequest) -> Iterator[Any]:
    engine = request.param
    there = servers.mysql_root().exists() if engine == "mysql" else servers.program(_PROGRAMS[engine])
    if not there:
        pytest.skip(f"the server programs of {engine} are not installed")
    with (
        tempfile.TemporaryDirectory(prefix="hybrid-trial-", ignore_cleanup_errors=True) as directory,
        _STARTS[engine](Path(directory)) as server,
    ):
        sign = '"' if engine == "postgresql" else "`"
        table = f"{sign}Order Lines{sign}"
        say(
            server,
            f"create table {table} (id bigint primary key, {sign}interval{sign} int, "
            f"{sign}order{sign} varchar(10), made date, updated_at timestamp not null)",
        )
        say(server, f"create index newest on {table} (updated_at)")
        say(server, f"insert into {table} values (1, 7, 'a', '2026-11-01', '2026-11-02 03:04:05')")
        odd = f"{sign}Größe, at{sign} int, {sign}UPDATED at{sign} timestamp not null"
        say(server, f"create table {sign}50% off{sign} (id int primary key, updated_at_2 int, {odd})")
        say(server, f"insert into {sign}50% off{sign} values (1, 2, 3, '2026-11-02 03:04:05')")
        say(server, f"create view busy as select id, {sign}order{sign} from {table}")
        yield server


@pytest.fixture
def estate(tmp_path: Path, shop: Any) -> Path:
    file = tmp_path / "hybrid.yaml"
    file.write_text(ESTATE.replace("engine: postgresql", f"engine: {shop.engine}") + "# the end\n")
    return file


def _run(estate: Path, shop: Any, *words: str) -> subprocess.CompletedProcess[str]:
    scheme = "postgresql" if shop.engine == "postgresql" else shop.engine
    variables = {
        "HYBRID_DATABASE": f"{scheme}://{shop.username}@{shop.host}:{shop.port}/{shop.dbname}",
        "HYBRID_DATABASE_PASSWORD": shop.password,
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "hybrid", *words, "--estate", str(estate)],
        env=os.environ | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.servers
def test_tables_and_views_are_listed_with_their_keys(estate: Path, shop: Any) -> None:
    done = _run(estate, shop, "sources", "inspect", "shop", "--json")

    assert done.returncode == 0, done.stderr
    found = {table["name"]: table for table in json.loads(done.stdout)}
    lines = {column["name"]: column for column in found["Order Lines"]["columns"]}
    assert [name for name, column in lines.items() if column["in_key"]] == ["id"]
    assert [name for name, column in lines.items() if column["indexed"]] == ["id", "updated_at"]
    assert [one["column"] for one in found["Order Lines"]["incremental"]] == ["updated_at", "made"]
    assert found["busy"]["kind"] == "view"
    assert not {"pg_class", "user", "tables"} & set(found)


@pytest.mark.servers
def test_a_pipeline_that_was_written_is_valid_and_runs(estate: Path, shop: Any) -> None:
    before = estate.read_text()

    # When a pipeline is written for a table whose names need quotes, and one that the lake has already
    done = _run(estate, shop, "sources", "inspect", "shop", "--table", "Order Lines", "--write")

    # Then the file has it, and is otherwise as it was
    assert done.returncode == 0, done.stderr
    assert "order-lines" in done.stdout
    changes = list(difflib.ndiff(before.splitlines(), estate.read_text().splitlines()))
    assert [line for line in changes if line.startswith("- ")] == []
    # And it lands the row, with every column
    times = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-04T00:00:00Z")
    run = _run(estate, shop, "run", "order-lines", *times, "--lake", str(estate.parent / "lake"), "--json")
    assert run.returncode == 0, run.stderr
    receipt = json.loads(run.stdout)
    assert receipt["rows"] == 1
    assert [column["name"] for column in receipt["schema"]] == [
        "id",
        "interval_2",
        "order",
        "made",
        "updated_at",
    ]


@pytest.mark.servers
def test_a_column_of_changes_whose_name_the_estate_file_does_not_take_is_renamed(
    tmp_path: Path, shop: Any
) -> None:
    # When an estate is made for a table whose only time has a name with a space in it
    estate = tmp_path / "new.yaml"
    words = [sys.executable, "-P", "-m", "hybrid", "init", str(estate), "--name", "shop", "--region"]
    words += ["eu-west-1", "--engine", shop.engine, "--source", "shop", "--table", "50% off", "--yes"]
    address = f"{shop.engine}://{shop.username}@{shop.host}:{shop.port}/{shop.dbname}"
    variables = {"HYBRID_DATABASE": address, "HYBRID_DATABASE_PASSWORD": shop.password}
    made = subprocess.run(
        words, env=os.environ | variables, cwd=ROOT, capture_output=True, text=True, check=False
    )

    # Then it is valid, and reads the interval that the row is in, and not the one before
    assert made.returncode == 0, made.stderr
    rows = []
    for times in (("2026-11-01", "2026-11-02"), ("2026-11-02", "2026-11-03")):
        interval = ("--from", f"{times[0]}T00:00:00Z", "--to", f"{times[1]}T00:00:00Z")
        run = _run(estate, shop, "run", "t-50-off", *interval, "--lake", str(tmp_path / "lake"), "--json")
        assert run.returncode == 0, run.stderr
        rows.append(json.loads(run.stdout)["rows"])
    assert rows == [0, 1]
    names = [column["name"] for column in json.loads(run.stdout)["schema"]]
    assert names == ["id", "updated_at_2", "Größe, at", "UPDATED_at"]


@pytest.mark.parametrize(
    ("columns", "selected"),
    [
        (["UPDATED at", "updated_at"], ['"UPDATED at" as "UPDATED_at_2"', '"updated_at"']),
        (["Geändert", "name"], ['"Geändert" as "Ge_ndert"', "incremental_column: Ge_ndert "]),
        (["изменено"], ['"изменено" as "newest_by"', "incremental_column: newest_by "]),
        (["1st day"], ['"1st day" as "_1st_day"', "incremental_column: _1st_day "]),
        (["interval"], ['"interval" as "interval_2"', "incremental_column: interval_2 "]),
        (["a b", "A_B"], ['"a b" as "a_b_2"', '"A_B"', "incremental_column: a_b_2 "]),
        (["Modified"], ['"Modified"\n', "incremental_column: Modified "]),
    ],
)
def test_the_column_of_changes_has_the_name_that_the_pipeline_gives_it(
    tmp_path: Path, columns: list[str], selected: list[str]
) -> None:
    # Given a table whose first column tells of changes; a second one of text, or of times as well
    kinds = ["timestamp with time zone" if name not in {"name", "A_B"} else "text" for name in columns]
    table = _table(*zip(columns, kinds, strict=True))
    file = tmp_path / "hybrid.yaml"
    file.write_text(ESTATE[: ESTATE.index("pipelines:")] + "pipelines: {}\n")

    # When a pipeline is written for it
    lines = pipeline_lines(table, name="orders", source="shop", engine="postgresql")
    add_pipelines(file, [lines])

    # Then the query gives the column the name that the file takes, and the file is valid
    assert all(text in "\n".join(lines) for text in selected)
    assert set(load_estate(file).pipelines) == {"orders"}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("shopp",), "did you mean `shop`?"),
        (("shop", "--table", "nothing"), "sees no such table"),
        (("shop", "--write"), "choose them with --table"),
    ],
)
def test_a_mistake_is_said_with_what_is_there(
    estate: Path, shop: Any, words: tuple[str, ...], says: str
) -> None:
    done = _run(estate, shop, "sources", "inspect", *words)

    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.servers
def test_what_the_user_may_not_select_is_told_and_left_out(estate: Path, shop: Any) -> None:
    if shop.engine != "postgresql":
        pytest.skip("MySQL and MariaDB show a user no column that it may not use")
    say(shop, f"create role reader login password '{shop.password}'")
    say(shop, "create table salaries (id int, amount int); grant select (id) on salaries to reader")
    shop_as_reader = type(shop)(**{**vars(shop), "username": "reader"})

    done = _run(estate, shop_as_reader, "sources", "inspect", "shop", "--table", "salaries")

    assert done.returncode == 0, done.stderr
    assert "amount\tinteger\tmay not be read" in done.stdout
    assert '"amount"' not in done.stdout


def _table(*columns: tuple[str, str], name: str = "orders") -> CatalogTable:
    return CatalogTable(
        schema="public",
        name=name,
        kind="table",
        rows=1,
        bytes=1,
        columns=tuple(
            CatalogColumn(
                name=column,
                type=kind,
                base_type=kind,
                nullable=True,
                generated=False,
                in_key=False,
                unique=False,
                indexed=False,
                readable=True,
            )
            for column, kind in columns
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "pipelines:\n  one: {source: shop, query: select 1}\n",
        "pipelines:\n  one: {source: shop, query: select 1}\n\n# of the dags\ndags: {}\n",
        "pipelines:\n    one:\n        source: shop\n        query: |\n            select 1\n",
        "pipelines:\ndags: {}\n",
        "pipelines: {}\n",
        "",
    ],
)
def test_a_pipeline_is_added_wherever_pipelines_stand(tmp_path: Path, text: str) -> None:
    # Given an estate file in one of the ways that people write it
    file = tmp_path / "hybrid.yaml"
    head = ESTATE[: ESTATE.index("pipelines:")]
    file.write_text(f"{head}{text}")
    names = {"one"} if "one:" in text else set()

    add_pipelines(
        file,
        [
            pipeline_lines(
                _table(("A", "int"), ("a", "int")), name="orders", source="shop", engine="postgresql"
            )
        ],
    )

    assert set(load_estate(file).pipelines) == names | {"orders"}
    assert file.read_text().startswith(head)
    assert "# of the dags\ndags: {}" in file.read_text() or "# of" not in text


def test_pipelines_in_braces_are_left_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "hybrid.yaml"
    head = ESTATE[: ESTATE.index("pipelines:")]
    file.write_text(head + "pipelines: {one: {source: shop, query: select 1}}\n")
    before = file.read_text()

    with pytest.raises(CannotBeWritten, match="braces"):
        add_pipelines(
            file, [pipeline_lines(_table(("a", "int")), name="b", source="shop", engine="postgresql")]
        )

    assert file.read_text() == before


@pytest.mark.parametrize(
    ("table", "name"),
    [("Order Lines", "order-lines"), ("2024", "t-2024"), ("Ünï_x", "n-x"), ("orders", "orders-2")],
)
def test_a_name_is_made_of_the_tables(table: str, name: str) -> None:
    assert pipeline_name(_table(("a", "int"), name=table), taken={"orders"}) == name
