"""Given a wrong estate file, the user reads which line is wrong and what would be right."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from hybrid.estate import Estate, EstateError, load_estate
from workspace.paths import ESTATE

VALID = """\
environment: {name: acme, region: eu-west-1}
network:
  availability_zones: [eu-west-1a, eu-west-1b]
sites:
  cellar: {kind: anywhere}
  cloud: {kind: cloud}
sources:
  crm: {site: cellar, engine: postgresql}
  erp: {site: cloud, engine: mariadb}
pipelines:
  customers: {source: crm, query: select 1}
  orders: {source: erp, query: select 1}
"""

#: (what is wrong, text that is replaced, its replacement, line, what the message says)
WRONG = [
    ("unknown key", "region:", "regoin:", 1, "environment.regoin: unknown key; did you mean `region`?"),
    ("unknown key of a site", "{kind: anywhere}", "{kind: anywhere, slot: 3}", 5, "did you mean `slots`?"),
    ("missing key", ", region: eu-west-1", "", 1, "environment.region: this key is missing"),
    ("bad CIDR", "network:", "network:\n  cidr: 10.20.0.0/33", 3, "write a range such as 10.20.0.0/16"),
    ("CIDR too small", "network:", "network:\n  cidr: 10.20.0.0/28", 3, "takes a /16 to a /24"),
    ("host bits in CIDR", "network:", "network:\n  cidr: 10.20.0.1/16", 3, "has host bits set"),
    (
        "route tables of another number than subnets",
        "network:",
        "network:\n  existing:\n    vpc: vpc-00000000\n"
        "    private_subnets: [subnet-00000000, subnet-00000001]\n"
        "    route_tables: [rtb-00000000]",
        6,
        "1 route tables for 2 private subnets; name one for each",
    ),
    ("name in capitals", "name: acme", "name: Acme", 1, "write it as lower-case letters"),
    (
        "name too long for AWS",
        "acme",
        "a-name-that-is-thirty-six-characters",
        1,
        None,
    ),
    (
        "name too long for an activation",
        "name: acme",
        "name: a-name-of-twenty-five-long",
        5,
        "of the activation's role has",
    ),
    ("dangling site", "site: cellar", "site: celar", 8, "no site `celar`; did you mean `cellar`?"),
    ("dangling source", "source: crm", "source: sap", 11, "no source `sap`; known: crm, erp"),
    ("unknown engine", "engine: mariadb", "engine: oracle", 9, "`oracle` is not one of 'mariadb'"),
    ("unknown kind of site", "kind: cloud", "kind: moon", 6, "`anywhere` (machines of your own) or `cloud`"),
    ("duplicate key", "  cloud: {kind: cloud}", "  cellar: {kind: cloud}", 6, "first on line 5"),
    (
        "two pipelines, one prefix",
        "  orders: {source: erp,",
        "  orders: {source: erp, prefix: crm/customers,",
        12,
        "writes prefix `crm/customers`, as `customers` does",
    ),
    (
        "a prefix within another",
        "  orders: {source: erp,",
        "  orders: {source: erp, prefix: crm/customers/old,",
        12,
        "are nested",
    ),
    ("zone of another Region", "eu-west-1b", "eu-west-2b", 3, "write `eu-west-1b`"),
    ("one zone twice", "eu-west-1b", "eu-west-1a", 3, "is listed twice; MWAA needs two different ones"),
    ("one zone", ", eu-west-1b", "", 3, "has 1 entries; it takes at least 2"),
    ("expired Airflow", "sites:", "airflow: {version: 2.5.1}\nsites:", 4, "MWAA has ended support"),
    ("Airflow 2", "sites:", "airflow: {version: 2.11.2}\nsites:", 4, "Airflow 3 or later"),
    ("unlisted Airflow", "sites:", "airflow: {version: 3.9.9}\nsites:", 4, "allow_unlisted_version: true"),
    (
        "a parameter nobody gives",
        "query: select 1}\n  orders",
        "query: 'select :x'}\n  orders",
        11,
        "names `:x`",
    ),
    ("half an interval", "query: select 1}\n  orders", "query: 'select :from'}\n  orders", 11, "needs both"),
    (
        "Fargate memory",
        "engine: mariadb",
        "engine: mariadb, memory: 700",
        9,
        "takes 512, 1024, 2048 MiB, not 700",
    ),
    (
        "waits for itself",
        "source: crm,",
        "source: crm, after: [customers],",
        11,
        "no other pipeline `customers`",
    ),
    (
        "micro with two schedulers",
        "sites:",
        "airflow: {environment_class: mw1.micro}\nsites:",
        4,
        "exactly one",
    ),
    (
        "csv in snappy",
        "source: crm,",
        "source: crm, format: {type: csv, compression: snappy},",
        11,
        "csv takes zstd",
    ),
    (
        "a pass-through of Parquet",
        "source: crm,",
        "source: crm, format: {passthrough: true},",
        11,
        "`passthrough` goes with `type: csv`, not parquet",
    ),
    (
        "a pass-through of MariaDB",
        "source: erp,",
        "source: erp,\n    format: {type: csv, passthrough: true},",
        13,
        "source `erp` is mariadb, and only PostgreSQL writes CSV itself",
    ),
    (
        "a pass-through of what is masked",
        "source: crm,",
        "source: crm, format: {type: csv, passthrough: true},\n    masks: {email: {kind: hash}},",
        12,
        "take out `masks` or `passthrough`",
    ),
    (
        "a pass-through into partitions",
        "source: crm,",
        "source: crm, format: {type: csv, passthrough: true},\n    partition_by: [country],",
        12,
        "take out `partition_by` or `passthrough`",
    ),
    (
        "a pass-through that would refuse",
        "source: crm,",
        "source: crm, format: {type: csv, passthrough: true},\n    unrepresentable: 'null',",
        12,
        "refuses no value",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_value_is_named_with_its_line_and_its_remedy(
    tmp_path: Path, old: str, new: str, line: int, message: str | None
) -> None:
    # Given a valid estate with one thing made wrong
    assert old in VALID
    file = tmp_path / "estate.yaml"
    text = VALID.replace(old, new, 1)
    if message is None:
        text = text.replace("cellar", "a-site-with-a-name-of-thirty-six-letters")
        message, line = "AWS allows 64: shorten this name or environment.name by", 5
    file.write_text(text)

    # When it is loaded
    with pytest.raises(EstateError) as caught:
        load_estate(file)

    # Then a problem names the line and says what would be right
    found = [(problem.line, problem.message) for problem in caught.value.problems]
    said = "\n".join(map(str, caught.value.problems))
    assert any(at == line and message in f"{said}" for at, _ in found), said
    assert said.startswith(f"{file}:")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "the file is empty"),
        (b"# nothing but a comment\n", 1, "the file is empty"),
        (b"- a\n- b\n", 1, "expected keys"),
        (b"environment: {name: acme\nsites: [", 2, "not YAML"),
        (b"environment:\n\tname: acme\n", 2, "not YAML"),
        (b"\xff\xfe\x00", 1, "cannot be read"),
    ],
    ids=["empty", "only a comment", "a list", "unfinished", "tab", "not text"],
)
def test_a_file_that_is_no_estate_at_all_is_refused(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    file = tmp_path / "estate.yaml"
    file.write_bytes(content)

    with pytest.raises(EstateError) as caught:
        load_estate(file)

    [problem] = caught.value.problems
    assert problem.line == line
    assert message in problem.message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(VALID.replace("site: cellar", "site: a").replace("site: cloud", "site: b"))

    with pytest.raises(EstateError) as caught:
        load_estate(file)

    assert [problem.line for problem in caught.value.problems] == [8, 9]


def test_the_valid_estate_of_these_tests_and_the_one_at_the_root_load(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(textwrap.dedent(VALID))

    assert isinstance(load_estate(file), Estate)
    assert load_estate(ESTATE).environment.name == "acme"


def test_a_version_past_the_list_is_taken_when_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(VALID + "airflow: {version: 3.9.9, allow_unlisted_version: true}\n")

    assert load_estate(file).airflow.version == "3.9.9"


def test_words_of_a_stranger_are_shown_shortened_and_act_on_no_terminal(tmp_path: Path) -> None:
    # Given a file of which a stranger wrote the names: one clears the screen, one has 100,000 characters
    file = tmp_path / "estate.yaml"
    text = VALID.replace("site: cellar", '"site": "a\\e[2J\\u202eb"').replace(
        "site: cloud", f"site: {'x' * 100_000}"
    )
    file.write_text(text)
    # When
    with pytest.raises(EstateError) as refused:
        load_estate(file)
    # Then
    said = str(refused.value)
    assert "\x1b" not in said
    assert "\\x1b[2J\\u202eb" in said
    assert len(said) < 2000
    assert "(100003 characters)" in said


def test_a_file_without_end_is_refused_at_once() -> None:
    with pytest.raises(EstateError, match="is larger than 16 MiB"):
        load_estate(Path("/dev/zero"))
