"""The report of the fleet as a page of HTML: one file, without scripts, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

from hybrid.fleet.activation_options import as_text
from hybrid.fleet.hosts import HostState
from hybrid.fleet.report import FleetReport, HostReport

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222}"
    "table{border-collapse:collapse}th,td{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}"
    "th{background:#f4f4f4}.wrong{background:#fde8e8}.unknown{color:#777}"
)

#: Headings of the columns.
COLUMNS = (
    "site", "host", "state", "age", "last seen", "system", "ECS agent", "SSM agent", "Docker", "tasks",
    "free MiB", "disk", "clock", "last run",
)  # fmt: skip

#: GiB below which the doctor warns, and seconds beyond which AWS refuses signatures.
_LEAST_DISK, _MOST_CLOCK = 10, 240

Cell = tuple[str, str]


def page(report: FleetReport) -> str:
    """The page."""
    wrong = sum(any(kind == "wrong" for _, kind in cells(one, report.made)) for one in report.hosts)
    rows = "".join(
        "<tr>" + "".join(_td(cell) for cell in cells(one, report.made)) + "</tr>\n" for one in report.hosts
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    title = f"Hosts of {escape(report.estate)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        f"<p>{report.made:%Y-%m-%d %H:%M} UTC: {len(report.hosts)} hosts, {wrong} of them with something "
        "wrong (marked). Disk and clock are told by <code>hybrid-host doctor</code> on the host; ECS forgets "
        "a task an hour after its end.</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>\n</body></html>\n"
    )


def cells(one: HostReport, now: datetime) -> Iterator[Cell]:
    """Text of each column, with `wrong`, `unknown` or nothing."""
    host = one.host
    old = {found.program for found in one.too_old}
    yield host.site, ""
    yield f"{host.name} {host.node}", ""
    yield host.state.value, "" if host.state in (HostState.READY, HostState.DRAINING) else "wrong"
    yield _since(host.registered, now)
    yield _since(host.last_seen, now)
    yield (host.platform, "") if host.platform else ("not told", "unknown")
    for program, version in (
        ("ECS agent", host.agent_version), ("SSM agent", host.ssm_version), ("Docker", host.docker_version),
    ):  # fmt: skip
        if not version:
            yield "not told", "unknown"
        else:
            yield (f"{version}, too old", "wrong") if program in old else (version, "")
    yield f"{host.running} running, {host.pending} pending", ""
    yield f"{host.memory[0]} of {host.memory[1]}", ""
    yield from _checked(one)
    if host.running:
        yield "now", ""
    else:
        yield _since(one.last_run, now) if one.last_run else ("none in the last hour", "unknown")


def _checked(one: HostReport) -> Iterator[Cell]:
    checked = one.checked
    if checked is None or not checked.disks:
        yield "not told", "unknown"
    else:
        least = min(checked.disks.values())
        told = ", ".join(f"{free} GiB in {place}" for place, free in sorted(checked.disks.items()))
        yield told, "wrong" if least < _LEAST_DISK else ""
    if checked is None or checked.clock is None:
        yield "not told", "unknown"
    else:
        yield f"{checked.clock} s off", "wrong" if checked.clock > _MOST_CLOCK else ""


def _since(then: datetime | None, now: datetime) -> Cell:
    return ("not told", "unknown") if then is None else (as_text(now - then), "")


def _td(cell: Cell) -> str:
    text, kind = cell
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"
