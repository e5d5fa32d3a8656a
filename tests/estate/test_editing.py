"""One key of an estate file changes, and not a character beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.estate import load_estate
from hybrid.estate.editing import CannotBeEdited, set_keys

_TAG, _OTHER = "5f0c3b1a9d2e4876", "0123456789012345"
_HEAD = """\
# The estate of the plant.
environment:
  name: acme  # never changed
  region: eu-west-1
network: {availability_zones: [eu-west-1a, eu-west-1b]}

sites:
"""


def _file(directory: Path, sites: str, *, head: str = _HEAD) -> Path:
    file = directory / "hybrid.yaml"
    file.write_text(head + sites, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  north:  # in the harbour\n    kind: anywhere  # two racks\n"
            "\n    # eight at night\n    slots: 8\n",
            "  north:  # in the harbour\n    kind: anywhere  # two racks\n"
            f'    image: "{_TAG}"\n\n    # eight at night\n    slots: 8\n',
        ),
        ("  north: {kind: anywhere}  # a\n", f'  north: {{kind: anywhere, image: "{_TAG}"}}  # a\n'),
        (
            "  north: {\n    kind: anywhere,  # a\n  }\n",
            f'  north: {{\n    kind: anywhere, image: "{_TAG}",  # a\n  }}\n',
        ),
        (
            f"  north:\n    image: '{_OTHER}' # before\n    kind: anywhere\n",
            f'  north:\n    image: "{_TAG}" # before\n    kind: anywhere\n',
        ),
        ("  north:\n    kind: anywhere", f'  north:\n    kind: anywhere\n    image: "{_TAG}"\n'),
    ],
    ids=["block", "braces", "braces over lines", "another value", "no end of line"],
)
def test_a_key_is_set_where_it_belongs(tmp_path: Path, before: str, after: str) -> None:
    file = _file(tmp_path, before)
    set_keys(file, {("sites", "north", "image"): _TAG})
    assert file.read_text(encoding="utf-8") == _HEAD + after
    assert load_estate(file).image_of("north") == _TAG


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"  north:\n    # two racks\n    kind: anywhere\n    image: '{_TAG}'  # tried\n    slots: 8\n",
            "  north:\n    # two racks\n    kind: anywhere\n    slots: 8\n",
        ),
        (
            f"  north: {{kind: anywhere, image: '{_TAG}', slots: 8}}\n",
            "  north: {kind: anywhere, slots: 8}\n",
        ),
        (f"  north: {{image: '{_TAG}', kind: anywhere}}\n", "  north: {kind: anywhere}\n"),
    ],
    ids=["block", "braces", "first in braces"],
)
def test_a_key_is_taken_out(tmp_path: Path, before: str, after: str) -> None:
    file = _file(tmp_path, before)
    set_keys(file, {("sites", "north", "image"): None})
    assert file.read_text(encoding="utf-8") == _HEAD + after


def test_two_keys_change_together(tmp_path: Path) -> None:
    file = _file(tmp_path, f"  north:\n    kind: anywhere\n    image: '{_TAG}'\n")
    set_keys(file, {("environment", "image"): _TAG, ("sites", "north", "image"): None})
    changed = file.read_text(encoding="utf-8")
    assert changed == (
        _HEAD.replace("  # never changed\n", f'  # never changed\n  image: "{_TAG}"\n')
        + "  north:\n    kind: anywhere\n"
    )


@pytest.mark.parametrize(
    "sites",
    [
        "  north: &rack {kind: anywhere}\n  south: *rack\n",
        f"  north: {{kind: anywhere,  # why\n    image: '{_TAG}'}}\n",
    ],
    ids=["an alias", "a comment in between"],
)
def test_a_layout_that_would_change_more_is_left_alone_and_the_edit_said(tmp_path: Path, sites: str) -> None:
    file = _file(tmp_path, sites)
    before = file.read_bytes()
    value = None if _TAG in sites else _TAG
    with pytest.raises(CannotBeEdited, match=r"take `image` out of sites\.north|write below sites\.north"):
        set_keys(file, {("sites", "north", "image"): value})
    assert file.read_bytes() == before


def test_a_key_is_set_beside_what_is_merged(tmp_path: Path) -> None:
    file = _file(tmp_path, "  south: &rack {kind: anywhere}\n  north:\n    <<: *rack\n    slots: 8\n")
    set_keys(file, {("sites", "north", "image"): _TAG})
    estate = load_estate(file)
    assert (estate.image_of("north"), estate.image_of("south")) == (_TAG, None)


def test_an_edit_that_makes_the_estate_invalid_is_not_written(tmp_path: Path) -> None:
    file = _file(tmp_path, "  north: {kind: anywhere}\n")
    before = file.read_bytes()
    with pytest.raises(CannotBeEdited, match="would not be valid"):
        set_keys(file, {("sites", "north", "image"): "a tag"})
    assert file.read_bytes() == before


def test_a_key_is_changed_in_the_file_that_has_it(tmp_path: Path) -> None:
    # Given a site in a file of its own, and an overlay of the estate
    whole = tmp_path / "hybrid.yaml"
    zones = "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
    head = f"environment: {{name: acme, region: eu-west-1}}\n{zones}"
    whole.write_text(f"include: [sites.yaml]\n{head}")
    (tmp_path / "sites.yaml").write_text("# of the north\nsites:\n  north: {kind: anywhere}\n")
    overlay = tmp_path / "overlays" / "test.yaml"
    overlay.parent.mkdir()
    overlay.write_text("base: ../hybrid.yaml\nenvironment: {name: acme-test}\n")

    # When keys of both files are changed, then each is changed where it is
    set_keys(whole, {("sites", "north", "image"): _TAG, ("environment", "image"): _TAG})
    assert (tmp_path / "sites.yaml").read_text() == (
        f'# of the north\nsites:\n  north: {{kind: anywhere, image: "{_TAG}"}}\n'
    )
    assert f'image: "{_TAG}"' in whole.read_text()

    # And what an overlay says of itself is changed in it; what it has not is said, and its base is left alone
    before = (tmp_path / "sites.yaml").read_text()
    set_keys(overlay, {("environment", "image"): _TAG})
    assert f'image: "{_TAG}"' in overlay.read_text()
    with pytest.raises(CannotBeEdited, match=r"write below sites\.north: image"):
        set_keys(overlay, {("sites", "north", "image"): _TAG})
    assert (tmp_path / "sites.yaml").read_text() == before
