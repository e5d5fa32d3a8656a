"""`bin/hybrid hosts report`: what AWS knows of each host, what its doctor said, and what nobody told."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fleet_estate import DeployedEstate

pytestmark = pytest.mark.slow

_DOCTOR = """\
ok       7 GiB free in /var/lib
ok       40 GiB free in /data/docker
ok       the clock is right to 2 seconds

0 failure(s), 1 warning(s)
"""


class _Rows(HTMLParser):
    """Rows of the page: text and class of each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str]]] = []
        self.tags: set[str] = set()
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._kind = dict(attrs).get("class") or ""
            self.rows[-1].append(("", self._kind))

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self.rows[-1][-1] = (self.rows[-1][-1][0] + data, self._kind)

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._kind = None


def _page(estate: DeployedEstate, *options: str) -> dict[str, list[tuple[str, str]]]:
    file = estate.file.with_name("hosts.html")
    done = estate.run("hosts", "report", "--html", str(file), *options)
    assert done.exit_code == 0, done.output
    parser = _Rows()
    parser.feed(file.read_text(encoding="utf-8"))
    assert "script" not in parser.tags
    return {row[1][0].rpartition(" ")[0]: row for row in parser.rows if row}


def test_each_host_is_there_with_what_is_known_and_what_nobody_told(
    depot: DeployedEstate, tmp_path: Path
) -> None:
    # Given a host with a small disk that has run something, and one that is cut off
    first = depot.host("rack-1")
    first.report(depot.start_task(), "STOPPED")
    depot.aws.cut(depot.host("rack-2").node)
    doctors = tmp_path / "doctors"
    doctors.mkdir()
    (doctors / "rack-1.txt").write_text(_DOCTOR)
    # When
    rows = _page(depot, "--doctors", str(doctors))
    # Then
    well, cut = rows["rack-1"], rows["rack-2"]
    assert well[2] == ("ready", "")
    assert well[6] == ("1.99.0", "")
    assert well[11] == ("40 GiB in /data/docker, 7 GiB in /var/lib", "wrong")
    assert well[12] == ("2 s off", "")
    assert well[13][1] == ""
    assert cut[2] == ("disconnected", "wrong")
    assert cut[11:] == [
        ("not told", "unknown"),
        ("not told", "unknown"),
        ("none in the last hour", "unknown"),
    ]


def test_a_name_that_is_html_stays_text(depot: DeployedEstate) -> None:
    depot.host("<script>alert(1)")
    assert list(_page(depot)) == ["<script>alert(1)"]


def test_the_report_as_json_and_as_a_table(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    told: dict[str, Any] = json.loads(depot.run("hosts", "report", "--json").stdout)
    assert (told["estate"], told["hosts"][0]["host"]["name"]) == (depot.name, "rack-1")
    assert (told["hosts"][0]["checked"], told["hosts"][0]["last_run"]) == (None, None)
    assert "rack-1" in depot.run("hosts", "report").stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rack-9.txt", _DOCTOR, "has files of no host: rack-9"),
        ("rack-1.txt", "ok       7 GiB free in /var/lib", "no whole output of `hybrid-host doctor`"),
    ],
)
def test_what_a_doctor_did_not_say_so_is_refused(
    depot: DeployedEstate, tmp_path: Path, name: str, text: str, said: str
) -> None:
    depot.host("rack-1")
    doctors = tmp_path / "doctors"
    doctors.mkdir()
    (doctors / name).write_text(text)
    done = depot.run("hosts", "report", "--doctors", str(doctors))
    assert done.exit_code == 2
    assert said in done.stderr
