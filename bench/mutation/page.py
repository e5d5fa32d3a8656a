"""The page of what survived: for each part its numbers, its survivors, and a reason of each."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.mutation.trial import Drawn, Fate
from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "mutation.md"
REASONS = Path(__file__).with_name("reasons.json")
_HEAD = """\
# Mutation testing

A mutant is a source with one change: a condition is negated, a comparison or an operator is another one, a
number is one more or less, an exception is not caught, a loop does not run (the operators of cosmic-ray), or
a call or a `raise` is removed. A test should fail with it; a mutant that no test sees has survived. The
command draws places by a seed, and one change of each. It runs the test files nearest to a mutant's source,
those with servers last, then all quick tests of the part. A kill counts when the test fails twice.
[Why so](../decisions/mutation-testing.md).

A sample says how dense the tests are, not that every guard has one. Each section is written by the command
at its head. A survivor is *equivalent* where no input makes a difference.
"""


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A mutant that no test saw; `difference` is as of `diff`, without line numbers."""

    file: str
    line: int
    operator: str
    difference: str

    @property
    def key(self) -> tuple[str, str]:
        """What its reason is found by; it holds while lines move."""
        return self.file, self.difference


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of the mutants that were drawn of a part.

    Attributes:
        command: options that repeat the draw.
        possible: how many mutants the sources have.
        skipped: why tests were skipped.
    """

    sources: str
    command: str
    possible: int
    fates: Sequence[Fate]
    survivors: Sequence[Survivor]
    skipped: Sequence[str] = ()

    def summary(self) -> str:
        """One line."""
        left = len(self.survivors)
        killed = len(self.fates) - left
        share = f" ({killed / len(self.fates):.0%})" if self.fates else ""
        late = sum(fate is Fate.KILLED_LATE for fate in self.fates)
        return (
            f"{len(self.fates)} of {self.possible} mutants: {killed} killed{share}, "
            f"{late} of them by tests with servers only; {left} survived"
        )


def survivor(mutant: Drawn, source: str) -> Survivor:
    """A mutant, with its difference from the source."""
    changed = difflib.unified_diff(source.splitlines(), mutant.text.splitlines(), n=0, lineterm="")
    difference = "\n".join(line for line in [*changed][2:] if not line.startswith("@@"))
    return Survivor(file=mutant.file, line=mutant.line, operator=mutant.operator, difference=difference)


def reasons() -> dict[tuple[str, str], str]:
    """Key of a survivor → why it may survive."""
    found = json.loads(REASONS.read_text())
    return {(one["file"], "\n".join(one["difference"])): one["reason"] for one in found}


def written(page: str, result: Result, known: Mapping[tuple[str, str], str]) -> str:
    """The page with a part's section anew; the other parts' sections stay."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    sections[result.sources] = _section(result, known)
    return _HEAD + "".join(f"\n## {name}\n\n{text.strip()}\n" for name, text in sorted(sections.items()))


def _section(result: Result, known: Mapping[tuple[str, str], str]) -> str:
    command = f".venv/bin/python -m bench.mutation {result.command} --document"
    lines = [f"{result.summary()}. `{command}`, {datetime.now(UTC):%Y-%m-%d}."]
    if result.skipped:
        lines += ["", f"Tests that were skipped say: {'; '.join(sorted(result.skipped))}."]
    for one in sorted(result.survivors, key=lambda one: (one.file, one.line)):
        reason = known.get(one.key, "no reason is written yet.")
        lines += ["", f"**`{one.file}`**, {one.operator}: {reason}", "", "```diff", one.difference, "```"]
    return "\n".join(lines)
