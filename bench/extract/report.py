"""The figures as tables: aligned at a terminal, Markdown in a file."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from contenders import OPERATOR, OURS
from measure import Measure

HEAD = (
    "contender",
    "CPU s/M",
    "x ours",
    "peak MiB",
    "MB out",
    "wall s",
    "server s/M",
    "runs",
    "version",
)


@dataclass
class Case:
    """One table of one size at one engine, and every contender's measures, or why there are none."""

    engine: str
    title: str
    table: str
    rows: int
    found: dict[str, list[Measure]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def median(self, contender: str, figure: Callable[[Measure], float]) -> float | None:
        """The median of a figure over the runs, None without a run."""
        measures = self.found.get(contender)
        return statistics.median(map(figure, measures)) if measures else None

    def lines(self, contenders: tuple[str, ...]) -> list[tuple[str, ...]]:
        """A row of text a contender, in the order of HEAD."""
        ours = self.median(OURS, lambda measure: measure.cpu) or float("nan")
        lines = []
        for name in contenders:
            measures = self.found.get(name)
            if not measures:
                lines.append((name, self.reasons.get(name, "not run"), *[""] * (len(HEAD) - 2)))
                continue
            middle = {
                key: statistics.median(getattr(measure, key) for measure in measures)
                for key in ("cpu", "server_cpu", "wall", "peak", "bytes")
            }
            lines.append(
                (
                    name,
                    f"{middle['cpu'] / self.rows * 1e6:.2f}",
                    f"{middle['cpu'] / ours:.2f}",
                    f"{middle['peak']:,.0f}",
                    f"{middle['bytes'] / 1e6:.1f}" if middle["bytes"] else "-",
                    f"{middle['wall']:.1f}",
                    f"{middle['server_cpu'] / self.rows * 1e6:.2f}",
                    str(len(measures)),
                    measures[0].version,
                )
            )
        return lines

    def verdict(self) -> str:
        """Ours against SqlToS3Operator, in one sentence; empty where either has no measure."""
        cpu = {name: self.median(name, lambda measure: measure.cpu) for name in (OURS, OPERATOR)}
        size = {name: self.median(name, lambda measure: measure.bytes) for name in (OURS, OPERATOR)}
        if not cpu[OURS] or not cpu[OPERATOR] or not size[OPERATOR]:
            return ""
        return (
            f"SqlToS3Operator takes {cpu[OPERATOR] / cpu[OURS]:.1f} times the CPU of hybrid-etl, "
            f"whose files are {(size[OURS] or 0) / size[OPERATOR]:.2f} of its bytes."
        )


def terminal(case: Case, contenders: tuple[str, ...]) -> str:
    """A case as an aligned table."""
    rows = [HEAD, *case.lines(contenders)]
    numbers = [row for row in rows if row[2]]
    widths = [max(len(row[column]) for row in numbers) for column in range(len(HEAD))]
    widths[0] = max(len(row[0]) for row in rows)
    text = [f"\n{case.engine}: {case.title}"]
    for row in rows:
        if not row[2]:
            text.append(f"{row[0]:<{widths[0]}}  {row[1]}")
            continue
        cells = [
            f"{row[0]:<{widths[0]}}",
            *(f"{cell:>{width}}" for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        text.append("  ".join([*cells, row[-1]]))
    return "\n".join([*text, case.verdict()]) + "\n"


def growth(cases: list[Case], contenders: tuple[str, ...]) -> str:
    """Peak memory by size of `lineitem`, as Markdown: a contender a row, a size a column."""
    parts = []
    for engine in dict.fromkeys(case.engine for case in cases):
        sizes = [case for case in cases if case.engine == engine and case.table == "lineitem"]
        if not sizes:
            continue
        parts.append(f"\n### {engine}\n\n| contender | " + " | ".join(case.title for case in sizes) + " |")
        parts.append("|---|" + "---:|" * len(sizes))
        for name in contenders:
            cells = []
            for case in sizes:
                peak = case.median(name, lambda measure: measure.peak)
                cells.append(f"{peak:,.0f}" if peak else case.reasons.get(name, "not run"))
            parts.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def markdown(
    cases: list[Case], contenders: tuple[str, ...], *, command: str, versions: dict[str, str]
) -> str:
    """The whole report."""
    parts = [
        "# Extraction side by side\n",
        f"Written by `{command}`; not edited by hand.\n",
        _EXPLANATION,
        f"Machine: {_machine()}.\n",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".\n",
        "## Peak memory, MiB, by rows of `lineitem`",
        growth(cases, contenders),
    ]
    for case in cases:
        parts.append(f"## {case.engine}: {case.title}\n")
        parts.append("| " + " | ".join(HEAD) + " |")
        parts.append("|---|" + "---:|" * (len(HEAD) - 2) + "---|")
        parts += ["| " + " | ".join(line) + " |" for line in case.lines(contenders)]
        parts.append(f"\n{case.verdict()}\n" if case.verdict() else "")
    return "\n".join(parts).rstrip() + "\n"


_EXPLANATION = """\
`bench/extract` starts private servers, makes the same tables in both, and lets every contender extract
them in turn, so that a change of the machine's mood meets them all. Figures are medians of the runs.
*CPU s/M* is user and system time of the client process for a million rows, from its start to its end,
with the upload over HTTPS to an S3 endpoint on the loopback (the floor writes to /dev/null); of
SqlToS3Operator only `execute` counts, not the import of Airflow. DuckDB has one thread and a memory limit of
256 MB (its default is 80 % of the machine's). *x ours* is the ratio to hybrid-etl's.
*peak* is the process's own high-water mark of resident memory, *server* the CPU time of the database for
a million rows. Absolute figures move from machine to machine, and with what else runs on it; ratios of
one run hold.
"""


def _machine() -> str:
    """Its kind: processor, cores, memory and system; no name."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return (
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"
    )
