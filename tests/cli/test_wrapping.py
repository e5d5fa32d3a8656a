"""Lines for a terminal: whole words, whole commands, and nothing lost."""

from __future__ import annotations

import pytest

from hybrid.cli.wrapping import wrapped


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("short", 20, ["short"]),
        ("one two three four", 9, ["one two", "  three", "  four"]),
        ("a `b c d e f g` h", 8, ["a", "  `b c d e f g`", "  h"]),
        ("(`b c`), and `d e`.", 12, ["(`b c`), and", "  `d e`."]),
        ("mi-0123456789abcdef0 is lost", 10, ["mi-0123456789abcdef0", "  is lost"]),
        ("    two  blanks stay here", 16, ["    two  blanks", "      stay here"]),
        ("first line\nsecond line", 8, ["first", "  line", "second", "  line"]),
        ("a lone ` is a sign", 9, ["a lone `", "  is a", "  sign"]),
        ("", 5, [""]),
    ],
)
def test_a_text_in_lines_of_a_width(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width=width).split("\n") == lines


def test_a_line_goes_on_below_its_text() -> None:
    assert wrapped("on   one two three", width=12, hang=5) == "on   one two\n     three"


@pytest.mark.parametrize("width", range(1, 40))
def test_no_word_is_lost_or_changed_at_any_width(width: int) -> None:
    text = "estate `acme` has no site `on premises`; known: `bin/hybrid sites list` (mi-0123456789abcdef0)"

    assert wrapped(text, width=width).split() == text.split()


def test_a_command_and_a_path_with_blanks_are_never_broken() -> None:
    command = "  bin/hybrid run orders --estate '/srv/my data/estate file.yaml' --full --limit 1000"
    said = f"added pipeline orders to '/srv/my data/estate file.yaml' as it was asked for; try it:{command}"

    assert wrapped(command, width=40) == command
    assert wrapped(said, width=60).split("\n")[-1] == command
    path = "'/srv/my data/a directory with blanks/estate file.yaml'"
    assert path in wrapped(f"the file {path} is there already, and the user's file stays as it is", width=40)
