"""A YAML document that remembers on which line each value stands.

PyYAML composes and constructs; what it lacks for a file that people write is the refusal of duplicate
keys and the way back from a value to its line.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

#: Tags of a key that is a text, or `<<`.
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")

#: Values that aliases may add to those that are written; with more, a file grows without end when it is read.
_BY_ALIASES = 100_000

_NESTED = "an alias (`*name`) is within what it stands for, or keys are nested too deep; write it out"

if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _FastLoader(Composer, CParser, SafeConstructor, Resolver):
        """libyaml's parser below PyYAML's composer: that in C ends the process where a text nests deep."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)


Path = tuple[str | int, ...]
Finding = tuple[Path, str]


class DocumentError(Exception):
    """The text is not a YAML mapping.

    Attributes:
        line: 1-based line of the fault.
        message: what is wrong and what would be right.
    """

    def __init__(self, *, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Document:
    """Data of a document, with the line of each of its values, duplicate keys, and keys that are no text.

    Attributes:
        most: values that are read before the document is refused.
    """

    data: dict[str, Any]
    lines: dict[Path, int]
    duplicates: list[tuple[Path, int, int]] = field(default_factory=list)
    odd_keys: list[Path] = field(default_factory=list)
    most: int = _BY_ALIASES

    def line_of(self, path: Path) -> int:
        """1-based line of the value at a path, or of the nearest part of the path that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str) -> Document:
    """Read a YAML document whose root is a mapping.

    Raises:
        DocumentError: not YAML, empty, or not a mapping.
    """
    try:
        root = _composed(text)
        data = None if root is None else yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DocumentError(line=line, message=f"not YAML: {_explained(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(line=1, message=f"not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise DocumentError(line=1, message=_NESTED) from None
    if root is None:
        raise DocumentError(
            line=1, message="the file is empty; an estate has at least environment, network and sites"
        )
    if not isinstance(root, yaml.MappingNode):
        raise DocumentError(
            line=root.start_mark.line + 1, message="expected keys such as `environment:` at the top"
        )
    # A text has fewer values than characters, but for what aliases repeat.
    document = Document(data=data or {}, lines={(): 1}, most=len(text) + _BY_ALIASES)
    try:
        _walk(root, (), document)
    except RecursionError:
        raise DocumentError(line=1, message=_NESTED) from None
    return document


def _composed(text: str) -> yaml.Node | None:
    """The nodes of a text, by libyaml's parser, which is fast; of a fault, by PyYAML's, which says more."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return _FastLoader(text).get_single_node()
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _explained(error: yaml.MarkedYAMLError) -> str:
    """The parser's words, with the remedy of what people meet most."""
    problem = error.problem or error.context or "cannot be read"
    if r"'\t'" in problem:
        return "a tab stands where the indentation is; write spaces"
    if "mapping values are not allowed" in problem:
        return "a second `: ` on this line; quote a text that has one, or indent the line as its neighbours"
    if error.context_mark and error.context and error.problem_mark != error.context_mark:
        return f"{problem} ({error.context} that begins on line {error.context_mark.line + 1})"
    return problem


def _walk(node: yaml.Node, path: Path, document: Document) -> None:
    if len(document.lines) > document.most:
        line = node.start_mark.line + 1
        raise DocumentError(line=line, message="aliases (`*name`) repeat aliases without end; write it out")
    if isinstance(node, yaml.MappingNode):
        seen: dict[Any, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            here = (*path, key.value)
            if key.value in seen:
                document.duplicates.append((here, line, seen[key.value]))
            seen[key.value] = line
            document.lines[here] = line
            if key.tag not in _TEXTS:
                document.odd_keys.append(here)
            _walk(value, here, document)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = (*path, index)
            document.lines[here] = item.start_mark.line + 1
            _walk(item, here, document)
