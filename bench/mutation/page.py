"""The page of what survived: numbers, survivors, and a reason of each."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.mutation.trial import Drawn, Fate
from workspace.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "mutation.md"
_WHAT = """\
A mutant is the source with one change: a condition is turned, a comparison or an operator is another one, a
number is one more or less, an exception is not caught, a loop does not run (the operators of cosmic-ray), or
a call or a `raise` is gone. The tests are to fail with it. The command draws places by the seed, and one
change of each; the part's quick tests run over it, then the nearest of those with servers."""
_REASONS = Path(__file__).with_name("reasons.json")


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A mutant that no test saw; `difference` is as of `diff`, without line numbers."""

    file: str
    line: int
    operator: str
    difference: str

    @property
    def key(self) -> str:
        """What its reason is found by; it holds while lines move."""
        return f"{self.file}\n{self.difference}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of the mutants that were drawn of a part; `possible` is how many there are in all."""

    part: str
    sources: str
    possible: int
    fates: Sequence[Fate]
    survivors: Sequence[Survivor]
    seconds: float

    def count(self, fate: Fate) -> int:
        """How many had this fate."""
        return sum(one is fate for one in self.fates)

    def summary(self) -> str:
        """One line."""
        drawn, left = len(self.fates), self.count(Fate.SURVIVED)
        share = f" ({(drawn - left) / drawn:.0%})" if drawn else ""
        told = f"{drawn} of {self.possible} mutants, {drawn - left} killed{share}, {left} survived"
        return f"{self.sources}: {told}"


def survivor(mutant: Drawn, source: str) -> Survivor:
    """A mutant, with its difference from the source."""
    changed = difflib.unified_diff(source.splitlines(), mutant.text.splitlines(), n=0, lineterm="")
    lines = [*changed][2:]
    told = "\n".join(line for line in lines if not line.startswith("@@"))
    return Survivor(file=mutant.file, line=mutant.line, operator=mutant.operator, difference=told)


def reasons() -> dict[str, str]:
    """Key of a survivor → why it may survive."""
    found = json.loads(_REASONS.read_text())
    return {f"{one['file']}\n{chr(10).join(one['difference'])}": one["reason"] for one in found}


def written(results: Sequence[Result], *, seed: int, known: Mapping[str, str]) -> str:
    """The page."""
    number = max(len(result.fates) for result in results)
    lines = [
        "# Mutation testing",
        "",
        f"Written by `.venv/bin/python -m bench.mutation --number {number} --seed {seed} --document`, "
        f"{datetime.now(UTC):%Y-%m-%d}.",
        "",
        _WHAT,
        "",
        "| Sources | mutants | drawn | killed by quick tests | by tests with servers | survived | rate |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_row(result) for result in results),
        "",
        "A sample says how dense the tests are, not that every guard has one. What survived, and why it may:",
        "",
    ]
    for result in results:
        for one in result.survivors:
            lines += [
                f"**`{one.file}`, {one.operator}**: {known.get(one.key, 'no reason yet.')}",
                "",
                "```diff",
                one.difference,
                "```",
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def _row(result: Result) -> str:
    drawn, left = len(result.fates), result.count(Fate.SURVIVED)
    rate = f"{(drawn - left) / drawn:.0%}" if drawn else "-"
    killed, late = result.count(Fate.KILLED), result.count(Fate.KILLED_LATE)
    return f"| `{result.sources}` | {result.possible} | {drawn} | {killed} | {late} | {left} | {rate} |"
