"""New pipelines in an estate file, whose comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from hybrid.estate.composing import compose
from hybrid.estate.loading import checked
from hybrid.estate.problem import EstateError
from workspace.files import write_whole


class CannotBeWritten(Exception):
    """The file has no place where the pipelines could go; the message says what to do instead."""


def add_pipelines(file: Path, pipelines: Sequence[Sequence[str]]) -> None:
    """Add pipelines, each as lines of YAML, at the end of `pipelines:`.

    Raises:
        CannotBeWritten: `pipelines` is written in braces, or the estate would not be valid with them; the
            file is as it was.
    """
    text = file.read_text(encoding="utf-8")
    added = "\n".join("\n".join(lines) for lines in pipelines)
    changed = _with(text, added)
    try:
        checked(compose(file, text=changed))
    except EstateError as error:
        first = str(error).splitlines()[0]
        raise CannotBeWritten(f"{file} would not be valid with them, and is as it was: {first}") from error
    write_whole(file, changed, mode=file.stat().st_mode & 0o777)


def _with(text: str, added: str) -> str:
    node = _pipelines(text)
    lines = text.splitlines()
    if node is None:
        return "\n".join([*lines, "", "pipelines:", added, ""])
    key, value = node
    if isinstance(value, yaml.ScalarNode):  # `pipelines:` with nothing below it
        at = key.end_mark.line + 1
    elif isinstance(value, yaml.MappingNode) and not value.flow_style:
        at = value.end_mark.line
        # The mark is where the next thing begins: blank lines and comments before it are its own.
        while at > 0 and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
            at -= 1
        added = _indented(added, by=value.start_mark.column - 2)
    elif isinstance(value, yaml.MappingNode) and not value.value:
        lines[key.start_mark.line] = "pipelines:"
        at = key.end_mark.line + 1
    else:
        raise CannotBeWritten(
            "`pipelines` is written in braces: give it a line for each key, or paste the text"
        )
    return "\n".join([*lines[:at], added, *lines[at:], ""])


def _pipelines(text: str) -> tuple[yaml.Node, yaml.Node] | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next(((key, value) for key, value in pairs if key.value == "pipelines"), None)


def _indented(text: str, *, by: int) -> str:
    if by < 0:
        return "\n".join(line[-by:] for line in text.split("\n"))
    return "\n".join(" " * by + line for line in text.split("\n"))
