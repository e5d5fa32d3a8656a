"""An estate in several files: what is included, overlays, defaults of sources."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid.estate import EstateError, load_estate
from hybrid.estate.composing import NAMED, compose, files_of
from hybrid.estate.loading import check, load_with_warnings

HEAD = """\
environment: {name: acme, region: eu-west-1, account: "111122223333"}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
"""
WHOLE: dict[str, Any] = {
    **yaml.safe_load(HEAD),
    "sites": {"factory": {"kind": "anywhere"}, "office": {"kind": "anywhere"}},
    "sources": {
        "crm": {"site": "factory", "engine": "postgresql"},
        "erp": {"site": "office", "engine": "mariadb", "memory": 1024},
    },
    "pipelines": {
        f"p{number}": {"source": "crm" if number % 2 else "erp", "query": f"select {number} as a"}
        for number in range(6)
    },
    "dags": {"pair": {"pipelines": ["p0", "p1"]}},
    "calendars": {"portugal": [datetime.date(2026, 12, 25)], "spain": []},
}


def written(directory: Path, files: dict[str, str]) -> Path:
    """Write files below a directory; the path of its hybrid.yaml."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory / "hybrid.yaml"


def problems(path: Path) -> list[str]:
    """What is wrong, with the file's name below the directory of the estate."""
    with pytest.raises(EstateError) as refused:
        load_estate(path)
    return [str(one).replace(f"{path.parent}/", "") for one in refused.value.problems]


@pytest.mark.parametrize("seed", range(20))
def test_an_estate_in_files_is_the_one_of_one_file(tmp_path: Path, seed: int) -> None:
    # Given an estate whose names stand in any of four files
    draw = random.Random(seed)
    parts: list[dict[str, Any]] = [{}, {}, {}, {}]
    for home in NAMED:
        for name, described in WHOLE[home].items():
            part = draw.choice(parts)
            part.setdefault(home, {})[name] = described
    files = {f"teams/{number}.yaml": yaml.safe_dump(part) for number, part in enumerate(parts) if part}
    path = written(tmp_path, {**files, "hybrid.yaml": HEAD + "include: [teams/*.yaml]\n"})

    # When it is read, then it is the one of one file
    estate = load_estate(path)
    assert estate == check(yaml.safe_dump(WHOLE), file="whole.yaml")[0]

    # And its text alone, which a demo keeps, is the same again
    assert check(compose(path).text, file="text")[0] == estate
    assert files_of(path) == [path, *sorted(tmp_path / name for name in files)]


def test_a_fault_is_told_with_its_own_file_and_line(tmp_path: Path) -> None:
    sites = "sites: {factory: {kind: anywhere}}\nsources: {crm: {site: factory, engine: postgresql}}\n"
    path = written(
        tmp_path,
        {
            "hybrid.yaml": HEAD + "include: ['*/pipelines.yaml']\n" + sites,
            "ops/pipelines.yaml": "pipelines:\n  a: {source: crm, query: select 1 as a}\n",
            "sales/pipelines.yaml": "pipelines:\n\n  b: {source: crn, query: select 1 as a}\n",
        },
    )
    assert problems(path) == [
        "sales/pipelines.yaml:3: pipelines.b.source: no source `crn`; did you mean `crm`?"
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"teams/a.yaml": "pipelines: {p: {source: crm, query: x}}", "teams/b.yaml": "pipelines: {p: {}}"},
            "teams/b.yaml:1: pipelines.p: is described in teams/a.yaml:1 already; a name has one place",
        ),
        (
            {"teams/a.yaml": "environment: {name: other}"},
            "teams/a.yaml:1: environment: is of the file that includes this one",
        ),
        ({"teams/a.yaml": "include: [b.yaml]"}, "teams/a.yaml:1: include: is of the file that includes"),
        ({"teams/a.yaml": "base: ../hybrid.yaml"}, "teams/a.yaml:1: base: is of the file that includes"),
        ({"teams/a.yaml": ""}, "teams/a.yaml:1: the file is empty"),
        ({"teams/a.yaml": "pipelines: [p]"}, "teams/a.yaml:1: pipelines: takes names, each with"),
        ({"teams/a.yaml": "sites: {x: {kind: anywhere}, x: {}}"}, "teams/a.yaml:1: sites.x: is given twice"),
        ({"teams/a.yaml": "sites: {on: {kind: anywhere}}"}, "teams/a.yaml:1: sites.on: is no text to YAML"),
        ({"teams/a.yaml": "\tsites:"}, "teams/a.yaml:1: not YAML"),
        ({}, "hybrid.yaml:3: include.0: `teams/*.yaml` matches no file"),
        ({"teams/.a.yaml": "sites: {x: {kind: anywhere}}"}, "`teams/*.yaml` matches no file"),
    ],
)
def test_what_an_included_file_may_not_say(tmp_path: Path, files: dict[str, str], says: str) -> None:
    path = written(tmp_path, {**files, "hybrid.yaml": HEAD + "include: [teams/*.yaml]\n"})
    found = problems(path)
    assert any(says in one for one in found), found


@pytest.mark.parametrize("pattern", ["/etc/*.conf", "../*.yaml", "", "**", "[", "a\0b"])
def test_no_file_elsewhere_is_included(tmp_path: Path, pattern: str) -> None:
    # Given files beside the estate's directory, and a link to them
    written(tmp_path, {"other/a.yaml": "sites: {x: {kind: anywhere}}"})
    path = written(
        tmp_path / "own", {"hybrid.yaml": f"{HEAD}include: [{yaml.safe_dump(pattern).split(chr(10))[0]}]"}
    )
    (tmp_path / "own" / "link").symlink_to(tmp_path / "other")
    (found,) = problems(path)
    assert "matches no file" in found


@pytest.mark.parametrize("target", ["other/a.yaml", "gone.yaml"])
def test_a_link_that_leads_elsewhere_is_told_and_not_left_out(tmp_path: Path, target: str) -> None:
    # Given two matching names, of which one is a link out of the estate's directory, or to nothing
    written(tmp_path, {"other/a.yaml": "sites: {x: {kind: anywhere}}"})
    files = {"hybrid.yaml": f"{HEAD}include: [teams/*.yaml]", "teams/b.yaml": "sites: {y: {kind: anywhere}}"}
    path = written(tmp_path / "own", files)
    (tmp_path / "own" / "teams" / "a.yaml").symlink_to(tmp_path / target)

    (found,) = problems(path)
    assert "teams/a.yaml` is no file, or a link that leads out of" in found


@pytest.mark.parametrize("given", ["teams", "{a: b}", "[1]", "null"])
def test_include_takes_a_list_of_names(tmp_path: Path, given: str) -> None:
    (found,) = problems(written(tmp_path, {"hybrid.yaml": HEAD + f"include: {given}\n"}))
    assert "include: takes a list of files" in found


BASE = (
    HEAD
    + """\
sites: {factory: {kind: anywhere}, office: {kind: anywhere}}
sources: {crm: {site: factory, engine: postgresql, memory: 512}}
pipelines:
  orders: {source: crm, query: select 1 as a, tags: [daily, sales], schedule: "@daily"}
  extra: {source: crm, query: select 2 as a}
"""
)


def test_an_overlay_changes_adds_and_takes_out(tmp_path: Path) -> None:
    # Given an estate, and an overlay with a file of its own
    written(
        tmp_path,
        {
            "hybrid.yaml": BASE,
            "overlays/prod.yaml": """\
base: ../hybrid.yaml
include: [prod/*.yaml]
environment: {name: acme-prod, account: "444455556666"}
sites: {office: null}
sources: {crm: {memory: 2048}}
pipelines:
  extra: null
  orders: {tags: [prod], schedule: null}
""",
            "overlays/prod/more.yaml": "pipelines: {more: {source: crm, query: select 3 as a}}",
        },
    )

    # When the overlay is read
    estate, warnings = load_with_warnings(tmp_path / "overlays" / "prod.yaml")

    # Then it is the base with the changes, and the base is as it was
    assert (estate.environment.name, estate.environment.region) == ("acme-prod", "eu-west-1")
    assert list(estate.sites) == ["factory"]
    assert (estate.sources["crm"].memory, estate.sources["crm"].engine) == (2048, "postgresql")
    assert list(estate.pipelines) == ["orders", "more"]
    assert (estate.pipelines["orders"].tags, estate.pipelines["orders"].schedule) == (["prod"], None)
    assert warnings == []
    assert list(load_estate(tmp_path / "hybrid.yaml").sites) == ["factory", "office"]


def test_places_of_an_overlay_are_those_of_the_file_that_said_it(tmp_path: Path) -> None:
    written(tmp_path, {"hybrid.yaml": BASE.replace("memory: 512", "memory: 1")})
    overlay = tmp_path / "overlays" / "prod.yaml"
    name = "base: ../hybrid.yaml\nenvironment:\n  name: acme-prod\n"

    written(tmp_path, {"overlays/prod.yaml": name})
    with pytest.raises(EstateError, match=r"/hybrid.yaml:4: sources.crm.memory: is `1`"):
        load_estate(overlay)

    written(tmp_path, {"overlays/prod.yaml": f"{name}sources: {{crm: {{\n  memory: 2}}}}\n"})
    with pytest.raises(EstateError, match=r"/overlays/prod.yaml:5: sources.crm.memory: is `2`"):
        load_estate(overlay)


@pytest.mark.parametrize(
    ("overlay", "says"),
    [
        ("base: ../hybrid.yml", "prod.yaml:1: base: there is no such file; did you mean"),
        ("base: [x]", "prod.yaml:1: base: takes the path of an estate file"),
        ("base: /etc/hostname", "prod.yaml:1: base: takes the path of an estate file"),
        ("base: prod.yaml", "base: overlays/prod.yaml is an overlay itself"),
        (
            "base: ../hybrid.yaml\npipelines: {ordres: null}",
            "prod.yaml:2: pipelines.ordres: is not in hybrid.yaml, so it cannot be taken out; there are: ",
        ),
        (
            "base: ../hybrid.yaml\nsources: {crm: null}",
            "hybrid.yaml:6: pipelines.orders.source: no source `crm`",
        ),
    ],
)
def test_what_an_overlay_may_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlay: str, says: str
) -> None:
    written(tmp_path, {"hybrid.yaml": BASE, "overlays/prod.yaml": overlay})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EstateError) as refused:
        load_estate(Path("overlays/prod.yaml"))
    assert says in str(refused.value)


def test_an_overlay_that_is_the_estate_of_its_base_is_told(tmp_path: Path) -> None:
    written(
        tmp_path,
        {"hybrid.yaml": BASE, "overlays/big.yaml": "base: ../hybrid.yaml\nsources: {crm: {memory: 1024}}"},
    )
    _, (warning,) = load_with_warnings(tmp_path / "overlays" / "big.yaml")
    assert "describes the estate of" in warning.message


def test_defaults_of_a_source_are_its_pipelines_and_a_pipeline_s_own_word_counts(tmp_path: Path) -> None:
    # Given a source that says what its pipelines have
    path = written(
        tmp_path,
        {
            "hybrid.yaml": HEAD
            + """\
sites: {factory: {kind: anywhere}}
sources:
  crm:
    site: factory
    engine: postgresql
    defaults:
      owner: sales
      schedule: "0 3 * * *"
      tags: [crm]
      masks: {email: {kind: hash}}
  erp: {site: factory, engine: mariadb}
pipelines:
  plain: {source: crm, query: "select 1 as a, email from t"}
  own: {source: crm, query: "select 1 as a from t", masks: {}, tags: [own], schedule: null}
  after: {source: crm, query: "select 1 as a, email from t", after: [plain]}
  other: {source: erp, query: select 1 as a}
"""
        },
    )
    pipelines = load_estate(path).pipelines
    assert (pipelines["plain"].owner, pipelines["plain"].schedule) == ("sales", "0 3 * * *")
    assert pipelines["plain"].tags == ["crm"]
    assert list(pipelines["plain"].masks) == ["email"]
    assert pipelines["own"].masks == {}
    assert (pipelines["own"].tags, pipelines["own"].schedule, pipelines["own"].owner) == (
        ["own"],
        None,
        "sales",
    )
    assert (pipelines["after"].schedule, pipelines["after"].owner) == (None, "sales")
    assert pipelines["other"].owner == "data-platform"


@pytest.mark.parametrize("pipelines", ["", "pipelines: {p: {source: crm, query: select 1 as a}}\n"])
@pytest.mark.parametrize(
    ("defaults", "says"),
    [
        ("retries: -7", "hybrid.yaml:5: sources.crm.defaults.retries: is `-7`; it takes at least 0"),
        (
            "retry_dely: 5",
            "sources.crm.defaults.retry_dely: is no key of a pipeline; did you mean `retry_delay`?",
        ),
        ("query: select 1", "sources.crm.defaults.query: is of each pipeline itself, and has no default"),
        ("expect: {rows: {mni: 1}}", "sources.crm.defaults.expect.rows.mni"),
    ],
)
def test_a_default_that_is_none_is_told_once_where_it_stands(
    tmp_path: Path, defaults: str, says: str, pipelines: str
) -> None:
    text = (
        f"{HEAD}sites: {{factory: {{kind: anywhere}}}}\nsources: {{crm: {{site: factory, engine: postgresql, "
        f"defaults: {{\n  {defaults}}}}}}}\n{pipelines}"
    )
    (found,) = problems(written(tmp_path, {"hybrid.yaml": text}))
    assert says in found


def test_a_source_says_zone_and_calendar_for_pipelines_with_a_schedule_and_without() -> None:
    # Given a source that says them for all of its pipelines, of which one runs after the other
    text = (
        HEAD
        + "calendars: {portugal: [2026-12-25]}\n"
        + "sites: {factory: {kind: anywhere}}\n"
        + "sources:\n  crm:\n    site: factory\n    engine: postgresql\n"
        + "    defaults: {schedule_zone: Europe/Lisbon, calendar: portugal}\n"
        + "pipelines:\n  a: {source: crm, query: select 1 as a, schedule: '@daily'}\n"
        + "  b: {source: crm, query: select 1 as a, after: [a]}\n"
    )
    # Then both are taken
    estate, _ = check(text, file="hybrid.yaml")
    assert {one.schedule_zone for one in estate.pipelines.values()} == {"Europe/Lisbon"}
    assert estate.closed_days(estate.pipelines["a"]) == ["2026-12-25"]
