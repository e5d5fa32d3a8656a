"""The first hour, recorded: what docs/getting-started.md says, typed by a newcomer, with the times.

.venv/bin/python -m bench.first_hour.run [--write docs/reference/first-hour.md] [--share-caches]

The newcomer is an ordinary user (`nobody`, where this runs as root) with a fresh clone in a path with a
space. Without --share-caches they fetch every package anew.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.first_hour.commands import commands_of
from bench.first_hour.database import ON_THE_PAGE, shop
from bench.first_hour.newcomer import Newcomer, Said, newcomer
from workspace.paths import ROOT

PAGE = ROOT / "docs" / "getting-started.md"

#: Lines of an output that the recording shows, of its begin and of its end.
_FIRST, _LAST = 30, 12


def record(
    user: Newcomer, *, page: Path = PAGE, told: Callable[[Said], None] = lambda _: None
) -> Iterator[tuple[str, Said]]:
    """Type a page's commands, each with the heading that it stands under; ends after the first that fails.

    Args:
        user: who types.
        page: what is typed.
        told: gets each as it ends.
    """
    with shop(user) as address:
        try:
            for command in commands_of(page):
                said = user.type(command.text.replace(ON_THE_PAGE, address))
                told(said)
                yield command.heading, said
                if said.code:
                    return
        finally:
            user.type("bin/hybrid demo down --purge")


def written(steps: list[tuple[str, Said]], user: Newcomer) -> str:
    """The recording as a page."""
    parts = [_INTRODUCTION.format(machine=_machine(), seconds=sum(said.seconds for _, said in steps))]
    parts += [
        f"| `{_first_line(said.text)}` | {said.seconds:.1f} |"
        for _, said in steps
        if not said.text.startswith(("export ", "sed ", "cat "))
    ]
    heading = ""
    for title, said in steps:
        if title != heading:
            heading = title
            parts.append(f"\n## {title}\n")
        parts.append(f"```text\n{_shown(said, user)}\n```\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


_INTRODUCTION = """# The first hour, recorded

What [getting started](../getting-started.md) says, typed where nothing of this project was: a fresh clone in
a path with a space, an ordinary user without Docker, no package fetched before, an index near by. Made by

```text
.venv/bin/python -m bench.first_hour.run --write docs/reference/first-hour.md
```

{machine}. {seconds:.0f} seconds in all. A test types
the same (tests/e2e/test_first_hour.py) and asks for no time.

| command | seconds |
|---|---|"""


def _machine() -> str:
    day, python = f"{datetime.now(UTC):%Y-%m-%d}", platform.python_version()
    shared = f"{os.cpu_count()} processors that others used too"
    return f"Recorded on {day}: {platform.machine()}, {shared}, Python {python}"


def _first_line(text: str) -> str:
    return text.splitlines()[0].replace("|", "\\|")


def _shown(said: Said, user: Newcomer) -> str:
    output = said.output.replace(str(user.clone), "/home/you/a clone").replace(str(user.home), "/home/you")
    lines = [line.rstrip() for line in output.splitlines()]
    if len(lines) > _FIRST + _LAST + 1:
        left_out = len(lines) - _FIRST - _LAST
        lines = [*lines[:_FIRST], f"… {left_out} lines …", *lines[-_LAST:]]
    return "\n".join([as_typed(said.text), *lines, f"[{said.seconds:.1f} s]"])


def as_typed(text: str) -> str:
    """A command behind the prompt of a shell."""
    return "\n".join(f"{'$' if number == 0 else '>'} {line}" for number, line in enumerate(text.splitlines()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="file that gets the recording")
    parser.add_argument("--share-caches", action="store_true", help="with what uv and npm fetched before")
    options = parser.parse_args()
    with newcomer(share_caches=options.share_caches) as user:
        steps = list(
            record(user, told=lambda said: print(f"{said.seconds:6.1f} s  {_first_line(said.text)}"))
        )
        page = written(steps, user)
    if steps[-1][1].code:
        sys.exit(f"{steps[-1][1].text}\n{steps[-1][1].output}")
    if options.write:
        options.write.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
