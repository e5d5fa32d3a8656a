"""The pages of the four readers: short, found from the first page, and of one mind with the code.

Their commands are typed in tests/e2e/test_first_hour.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.first_hour.commands import Command, commands_of
from bench.first_hour.run import as_typed
from hybrid.fleet.host_kit.endpoints import ENDPOINTS
from workspace.paths import ROOT

DOCS = ROOT / "docs"
READERS = sorted((DOCS / "for").glob("*.md"))
_SCRIPT = "".join(
    path.read_text() for path in sorted((ROOT / "hybrid" / "fleet" / "host_kit" / "script").glob("*.sh"))
)


@pytest.mark.parametrize("page", READERS, ids=lambda page: page.stem)
def test_a_page_is_short_and_found_from_the_first_pages(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 90
    for first in (ROOT / "README.md", DOCS / "README.md", DOCS / "getting-started.md"):
        assert f"for/{page.name})" in first.read_text()


def test_each_command_on_a_host_is_one_of_the_script() -> None:
    # Given what the operator types on the machine
    text = (DOCS / "for" / "operator.md").read_text()
    typed = re.findall(r"^\$ sudo (?:sh )?hybrid-host(?:\.sh)? (\S+)$", text, re.MULTILINE)

    # Then the script knows each, and the page has each that an operator needs
    assert set(typed) == {"plan", "join", "doctor", "leave"}
    assert [word for word in typed if f"\n        {word})" not in _SCRIPT] == []


def test_the_operator_s_firewall_lets_out_what_the_script_asks_for() -> None:
    text = (DOCS / "for" / "operator.md").read_text()

    # Given the endpoints that the script tries: of AWS, and of what is installed
    services = {one.name.split(".REGION")[0] for one in ENDPOINTS}
    services -= {"ACCOUNT.dkr.ecr", "prod-REGION-starport-layer-bucket.s3"}  # the registry; a bucket of s3's
    hosts = set(re.findall(r"URL:-https://([^/}]+)", _SCRIPT)) | set(
        re.findall(r"check_way (\w+\.\S+\.com)", _SCRIPT)
    )

    # Then the page names them all
    assert len(services) > 8
    assert len(hosts) == 3
    assert [name for name in services | hosts if f"`{name}`" not in text] == []


def test_commands_are_read_with_what_belongs_to_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n```console\n$ not this\n```\n## Two\n```sh\n# nor this\nfirst \\\n  --more\n"
        "cat >> file <<'YAML'\n# in it\nYAML\nlast\n```\n"
    )

    assert commands_of(page) == [
        Command("Two", "first \\\n  --more"),
        Command("Two", "cat >> file <<'YAML'\n# in it\nYAML"),
        Command("Two", "last"),
    ]


def test_the_recording_is_of_the_page_as_it_is() -> None:
    # Given the commands of the page, and those of the recording
    commands = commands_of(DOCS / "getting-started.md")
    recorded = (DOCS / "reference" / "first-hour.md").read_text().split("```text\n")[2:]

    # Then they are the same, and none took ten minutes
    assert len(recorded) == len(commands)
    for command, record in zip(commands, recorded, strict=True):
        assert record.startswith(f"{as_typed(command.text)}\n"), "record it anew, as the page says"
        assert float(re.findall(r"^\[([\d.]+) s\]$", record, re.MULTILINE)[-1]) < 600
