"""`bin/hybrid image use` and `promote`: a canary, its promotion, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hybrid.artifacts.image import image_tag
from hybrid.cli.main import app
from hybrid.estate import load_estate

_OLD, _NEW = "0123456789abcdef", "5f0c3b1a9d2e4876"
_TEXT = f"""\
# Of the plant.
environment:
  name: acme  # for good
  region: eu-west-1
  image: "{_OLD}"
network: {{availability_zones: [eu-west-1a, eu-west-1b]}}
sites:
  north:
    kind: anywhere  # two racks
  south: {{kind: anywhere}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "hybrid.yaml"
    made.write_text(_TEXT, encoding="utf-8")
    return made


def _image(file: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["image", *words, "--estate", str(file)])


def _images(file: Path) -> dict[str, str | None]:
    estate = load_estate(file)
    return {site: estate.image_of(site) for site in estate.sites}


def test_a_canary_is_promoted_and_taken_back(file: Path) -> None:
    # Given one site that tries a new image
    assert _image(file, "use", _NEW, "--site", "north").exit_code == 0
    assert _images(file) == {"north": _NEW, "south": _OLD}
    # When it is promoted
    promoted = _image(file, "promote", "north")
    # Then it is every site's, and the way back is said
    assert promoted.exit_code == 0, promoted.output
    assert _images(file) == {"north": _NEW, "south": _NEW}
    assert f"bin/hybrid image use {_OLD}" in promoted.stderr
    # And that way leads back, to the very file
    assert _image(file, "use", _OLD).exit_code == 0
    assert file.read_text(encoding="utf-8") == _TEXT


def test_the_clones_own_image_is_what_stands_without_a_word(file: Path) -> None:
    done = _image(file, "use", "clone", "--json")
    assert json.loads(done.stdout) == {"before": _OLD, "after": None, "back": f"bin/hybrid image use {_OLD}"}
    assert _images(file) == {"north": None, "south": None}
    assert "image:" not in file.read_text(encoding="utf-8")
    again = _image(file, "use", _NEW)
    assert f"that of the clone ({image_tag()}) -> {_NEW}" in again.stdout


def test_a_site_with_an_image_of_its_own_is_named(file: Path) -> None:
    for site in ("north", "south"):
        assert _image(file, "use", _NEW, "--site", site).exit_code == 0
    done = _image(file, "promote", "north")
    assert "with an image of their own all the same: south" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "north"), "there is nothing to promote"),
        (("promote", "nort"), "did you mean `north`"),
        (("use", _NEW, "--site", "nort"), "did you mean `north`"),
        (("use", "a tag"), "would not be valid"),
    ],
)
def test_what_cannot_be_done_changes_nothing(file: Path, words: tuple[str, ...], said: str) -> None:
    done = _image(file, *words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert file.read_text(encoding="utf-8") == _TEXT


def test_a_layout_that_does_not_allow_it_is_told_with_the_line_to_write(file: Path) -> None:
    text = _TEXT.replace("south: {kind: anywhere}", "south: *rack").replace(
        "north:\n    kind: anywhere  # two racks", "north: &rack {kind: anywhere}"
    )
    file.write_text(text, encoding="utf-8")
    done = _image(file, "use", _NEW, "--site", "north")
    assert done.exit_code == 2
    assert f'write below sites.north: image: "{_NEW}"' in done.stderr
    assert file.read_text(encoding="utf-8") == text
