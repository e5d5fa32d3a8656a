"""The picture of the README can be read: no line crosses a box or a text, and no text leaves its box."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from workspace.paths import ROOT

_SVG = "{http://www.w3.org/2000/svg}"
#: Width of a character of Helvetica and its kin, in sizes of the font: the mean of text, and some more.
_CHARACTER = 0.58

Rectangle = tuple[float, float, float, float]
Segment = tuple[tuple[float, float], tuple[float, float]]


@pytest.fixture(scope="module")
def picture() -> ET.Element:
    return ET.parse(ROOT / "docs" / "architecture.svg").getroot()  # noqa: S314 - our own file


def _boxes(picture: ET.Element, kind: str) -> list[Rectangle]:
    found = []
    for box in picture.iter(f"{_SVG}rect"):
        if box.get("class") == kind:
            x, y, width, height = (float(box.get(name, "0")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def _texts(picture: ET.Element) -> dict[str, Rectangle]:
    found = {}
    for text in picture.iter(f"{_SVG}text"):
        size = float(text.get("font-size", picture.get("font-size", "0")))
        half = len(text.text or "") * size * _CHARACTER / 2
        x, y = float(text.get("x", "0")), float(text.get("y", "0"))
        found[f"{text.text} at {x}"] = (x - half, y - size * 0.75, x + half, y + size * 0.2)
    return found


def _segments(picture: ET.Element) -> list[Segment]:
    found: list[Segment] = []
    for line in picture.iter(f"{_SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
        found += [(a, b) for a, b in itertools.pairwise(points)]  # type: ignore[misc]
    return found


def _crosses(segment: Segment, box: Rectangle) -> bool:
    """Whether a horizontal or vertical segment has points inside of a box; its border is not inside."""
    (ax, ay), (bx, by) = segment
    assert ax == bx or ay == by, "lines here are horizontal or vertical"
    left, right = sorted((ax, bx))
    top, bottom = sorted((ay, by))
    return left < box[2] and right > box[0] and top < box[3] and bottom > box[1]


def test_no_line_crosses_a_box_or_a_text(picture: ET.Element) -> None:
    crossed = [
        (segment, place)
        for segment in _segments(picture)
        for place in [*_boxes(picture, "box"), *_texts(picture).values()]
        if _crosses(segment, place)
    ]

    assert len(_segments(picture)) > 8
    assert crossed == []


def test_every_text_is_within_its_box_or_outside_of_all(picture: ET.Element) -> None:
    places = [*_boxes(picture, "box"), *_boxes(picture, "panel")]
    split = []
    for text, (left, top, right, bottom) in _texts(picture).items():
        for x1, y1, x2, y2 in places:
            meets = left < x2 and right > x1 and top < y2 and bottom > y1
            inside = left >= x1 and right <= x2 and top >= y1 and bottom <= y2
            if meets and not inside:
                split.append(text)

    assert len(_texts(picture)) > 20
    assert split == []


def test_no_arrow_leads_into_the_data_centre(picture: ET.Element) -> None:
    # Given the panel of the data centre, which is the left one
    site = min(_boxes(picture, "panel"))

    # Then each line that crosses its border begins inside: an arrow is at a line's end
    for (ax, _), (bx, _) in _segments(picture):
        if min(ax, bx) < site[2] < max(ax, bx):
            assert ax < site[2]


def test_the_picture_has_words_for_who_cannot_see_it(picture: ET.Element) -> None:
    named = {picture.find(f"{_SVG}title").get("id"), picture.find(f"{_SVG}desc").get("id")}  # type: ignore[union-attr]

    assert set(picture.get("aria-labelledby", "").split()) == named
