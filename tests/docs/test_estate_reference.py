"""Every key of the estate file is described: what it is, an example that is right, what a change costs."""

from __future__ import annotations

import pytest

from hybrid.estate.change import Effect
from hybrid.estate.model import Estate
from hybrid.estate.reference import SECTIONS, Key, keys, page
from hybrid.estate.rules import findings
from tests.estate_keys import before, with_example
from workspace.paths import ROOT

KEYS = list(keys())


def test_the_page_is_the_one_that_the_model_makes() -> None:
    kept = (ROOT / "docs" / "reference" / "estate.md").read_text(encoding="utf-8")

    assert kept == page(), "make it anew: bin/hybrid docs generate"


def test_the_page_has_every_part_of_the_file() -> None:
    # Given the parts of the schema that have keys
    parts = {name for name, part in Estate.model_json_schema()["$defs"].items() if "properties" in part}

    # Then each is a section of the page
    assert parts == {section.definition for section in SECTIONS} - {""}


def test_no_two_keys_have_the_same_heading() -> None:
    anchors = [key.anchor for key in KEYS]

    assert len(anchors) == len(set(anchors)) > 90


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.heading)
def test_a_key_has_a_description_in_words_and_a_cost(key: Key) -> None:
    assert len(key.schema.get("description", "").split()) >= 3
    assert key.change in Effect
    assert key.schema["examples"]


@pytest.mark.parametrize("key", [key for key in KEYS if key.section.path], ids=lambda key: key.heading)
def test_the_example_of_a_key_is_right_and_says_something(key: Key) -> None:
    # Given an estate, and the same with the key's example
    estate = Estate.model_validate(with_example(key))

    # Then no rule is broken
    assert list(findings(estate)) == []

    # And the example is no default: it changes the estate, but for the kind of a site
    if key.name != "kind" or key.section.definition == "Mask":
        assert estate != Estate.model_validate(before(key))


@pytest.mark.parametrize("key", [key for key in KEYS if not key.section.path], ids=lambda key: key.heading)
def test_the_example_of_a_part_is_right_for_its_shape(key: Key) -> None:
    Estate.model_validate(with_example(key))
