"""Changes of single keys of an estate file, whose comments and layout stay as they are.

The place is found in YAML's own marks, and the changed text is read again: where it says anything else than
the old one with those keys changed, as with an alias or an unusual layout, nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hybrid.estate.composing import Composed, compose
from hybrid.estate.loading import checked
from hybrid.estate.problem import EstateError
from workspace.files import write_whole

#: Equals no data: the mapping around a key is not in the file.
_NOWHERE = object()

#: Keys from the top of the file.
KeyPath = tuple[str, ...]


class CannotBeEdited(Exception):
    """The change cannot be made without touching more than it; the message says what to write by hand."""


def set_keys(file: Path, changes: Mapping[KeyPath, str | None]) -> None:
    """Give keys another text, or take them out, and leave everything else as it is.

    Args:
        file: the estate file; a key of an included file is changed there, one of an overlay in the overlay.
        changes: path of a key → its new text; None takes the key out. The mapping around it is there.

    Raises:
        CannotBeEdited: the layout does not allow it, or the estate would not be valid; all is as it was.
        EstateError: the file is no valid estate to begin with.
    """
    composed = compose(file)
    checked(composed)
    texts: dict[Path, str] = {}
    for home, those in _by_file(composed, file, changes).items():
        text = changed = home.read_text(encoding="utf-8")
        for path, value in those.items():
            changed = _without(changed, path) if value is None else _with(changed, path, value)
        if _data(changed) != _expected(text, those):
            by_hand = "; ".join(_by_hand(path, value) for path, value in those.items())
            raise CannotBeEdited(f"the layout of {home} does not allow this edit; {by_hand}")
        if changed != text:
            texts[home] = changed
    try:
        checked(compose(file, texts=texts))
    except EstateError as error:
        first = str(error).splitlines()[0]
        raise CannotBeEdited(f"{file} would not be valid with it, and is as it was: {first}") from error
    for home, changed in texts.items():
        write_whole(home, changed, mode=home.stat().st_mode & 0o777)


def _by_file(
    composed: Composed, file: Path, changes: Mapping[KeyPath, str | None]
) -> dict[Path, dict[KeyPath, str | None]]:
    """The changes by the file in which they are made: that of the mapping around the key."""
    by_name = {str(one): one for one in composed.files}
    found: dict[Path, dict[KeyPath, str | None]] = {}
    for path, value in changes.items():
        home = file if composed.is_overlay else by_name[composed.place_of(path[:-1]).file]
        found.setdefault(home, {})[path] = value
    return found


def _by_hand(path: KeyPath, value: str | None) -> str:
    inside, key = ".".join(path[:-1]), path[-1]
    return f"take `{key}` out of {inside}" if value is None else f"write below {inside}: {_line(key, value)}"


def _line(key: str, value: str) -> str:
    return f"{key}: {json.dumps(value)}"


def _with(text: str, path: KeyPath, value: str) -> str:
    around, pair = _found(text, path)
    if around is None:
        return text
    if pair is not None:
        node = pair[1]
        return text[: node.start_mark.index] + json.dumps(value) + text[node.end_mark.index :]
    line = _line(path[-1], value)
    if around.flow_style:
        if not around.value:
            at = around.start_mark.index + 1
            return text[:at] + line + text[at:]
        at = around.value[-1][1].end_mark.index
        return f"{text[:at]}, {line}{text[at:]}"
    key, first = around.value[0]
    indent = " " * key.start_mark.column
    if isinstance(first, yaml.ScalarNode) and first.end_mark.line == key.start_mark.line:
        end = text.find("\n", first.end_mark.index)
        head, tail = (text, "\n") if end < 0 else (text[:end], text[end:])
        return f"{head}\n{indent}{line}{tail}"
    at = key.start_mark.index
    return f"{text[:at]}{line}\n{indent}{text[at:]}"


def _without(text: str, path: KeyPath) -> str:
    around, pair = _found(text, path)
    if around is None or pair is None:
        return text
    key, value = pair
    if not around.flow_style:
        begin = text.rfind("\n", 0, key.start_mark.index) + 1
        end = text.find("\n", value.end_mark.index)
        return text[:begin] + (text[end + 1 :] if end >= 0 else "")
    index = around.value.index(pair)
    if index:
        begin, end = around.value[index - 1][1].end_mark.index, value.end_mark.index
    elif len(around.value) > 1:
        begin, end = key.start_mark.index, around.value[1][0].start_mark.index
    else:
        begin, end = key.start_mark.index, value.end_mark.index
    # A comment between the two is somebody's; the text as it is then fails the comparison.
    return text if "#" in text[begin:end].replace(str(value.value), "") else text[:begin] + text[end:]


def _found(
    text: str, path: KeyPath
) -> tuple[yaml.MappingNode | None, tuple[yaml.ScalarNode, yaml.Node] | None]:
    """The mapping around a key, and the key with its value; None where they are not there."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in path[:-1]:
        pair = _pair(node, step)
        node = pair[1] if pair else None
    around = node if isinstance(node, yaml.MappingNode) and (node.flow_style or node.value) else None
    return around, _pair(around, path[-1])


def _pair(node: yaml.Node | None, key: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == key), None)


def _data(text: str) -> Any:
    try:
        return _copied(yaml.safe_load(text))
    except yaml.YAMLError:
        return None


def _copied(value: Any) -> Any:
    """A copy in which what an alias repeats is there once for each time."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _expected(text: str, changes: Mapping[KeyPath, str | None]) -> Any:
    data = _data(text)
    for path, value in changes.items():
        inner = data
        for step in path[:-1]:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            return _NOWHERE
        if value is None:
            inner.pop(path[-1], None)
        else:
            inner[path[-1]] = value
    return data
