"""`bin/hybrid init`: a file that validates and runs, from a database that is there."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from trial_servers import say

from hybrid.estate.loading import load_estate
from workspace.paths import ROOT

_COMMAND = [sys.executable, "-P", "-m", "hybrid"]
_NEEDED = ("--name", "shop", "--region", "eu-west-1", "--engine", "postgresql")


def _init(directory: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, "init", "estate.yaml", *words],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_options_alone_make_an_estate_that_validates(tmp_path: Path) -> None:
    done = _init(tmp_path, *_NEEDED)

    assert done.returncode == 0, done.stderr
    assert load_estate(tmp_path / "estate.yaml").sources["database"].engine == "postgresql"
    assert done.stdout.count("  bin/hybrid ") == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nobody can be asked here: give --name, --region, --engine"),
        (("--yes", "--name", "shop"), "--yes asks nothing: give --region, --engine"),
        ((*_NEEDED[2:], "--name", "My Shop"), "--name My Shop: needs lower-case letters"),
        ((*_NEEDED[:2], *_NEEDED[4:], "--region", "europe"), "--region europe: is no Region of AWS"),
        ((*_NEEDED[:4], "--engine", "oracle"), "is none of mariadb, mysql, postgresql"),
        ((*_NEEDED, "--table", "orders"), "--table needs a --database"),
        ((*_NEEDED, "--database", "postgresql://localhost"), "has no user"),
    ],
)
def test_a_mistake_leaves_no_file(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = _init(tmp_path, *words)

    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "estate.yaml").exists()


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text("mine")

    done = _init(tmp_path, *_NEEDED)

    assert done.returncode == 2
    assert (tmp_path / "estate.yaml").read_text() == "mine"


@pytest.mark.servers
def test_a_database_that_is_there_gets_a_pipeline_that_lands_its_rows(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # When the estate is made, and the second of the commands that it names is typed
    made = _init(tmp_path, *_NEEDED, "--table", "customers", **environment)
    assert made.returncode == 0, made.stderr
    words = re.findall(r"bin/hybrid (run .*)", made.stdout)[0].split()
    ran = subprocess.run(
        [*_COMMAND, *words, "--lake", str(tmp_path / "lake")],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    # Then its rows land, and the password is nowhere
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("5 rows, ")
    assert environment["HYBRID_DATABASE_PASSWORD"] not in made.stdout + made.stderr
    assert environment["HYBRID_DATABASE_PASSWORD"] not in (tmp_path / "estate.yaml").read_text()


def test_questions_are_asked_again_until_the_answer_fits(tmp_path: Path) -> None:
    # Given a person at a terminal who first answers what is no name, and takes what is in brackets
    answers = "My Shop\nshop\neu-west-1\n\n\n\npostgresql\n"
    master, slave = pty.openpty()
    variables: dict[str, Any] = {name: value for name, value in os.environ.items() if "HYBRID" not in name}
    process = subprocess.Popen(
        [*_COMMAND, "init", "estate.yaml"],
        cwd=tmp_path,
        env=variables | {"PYTHONPATH": str(ROOT)},
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(master, answers.encode())
    output, errors = process.communicate(timeout=60)
    os.close(master)
    os.close(slave)

    assert process.returncode == 0, errors
    assert "needs lower-case letters" in errors
    assert "made estate.yaml" in output
    assert list(load_estate(tmp_path / "estate.yaml").sites) == ["on-premises"]


@pytest.mark.servers
def test_the_page_does_what_it_says(tmp_path: Path, shop: Any) -> None:
    # Given its commands, the database's own port, and a second table
    page = (ROOT / "docs" / "how-to" / "first-estate.md").read_text()
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    commands = commands.replace("localhost:5432/shop", f"{shop.host}:{shop.port}/{shop.dbname}")
    commands = commands.replace("bin/hybrid run", f"bin/hybrid run --lake '{tmp_path}/lake'")
    say(shop, "create table if not exists orders (id int primary key, amount numeric(10, 2))")

    # When they are typed one after the other
    done = subprocess.run(
        ["sh", "-euc", commands.replace("bin/hybrid", f"{ROOT}/bin/hybrid")],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("HYBRID_DATABASE")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    # Then the file has both pipelines, and the rows of the interval landed
    assert done.returncode == 0, done.stderr
    assert list(load_estate(tmp_path / "estate.yaml").pipelines) == ["customers", "orders"]
    assert "2 rows, " in done.stdout
