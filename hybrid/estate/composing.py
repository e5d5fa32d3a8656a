"""One document from the files of an estate: included files, an overlay over its base, defaults of sources.

What reads the estate afterwards knows of one document. Each of its values keeps the file and line that it
comes from, so that a problem names the place where somebody can mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import yaml

from hybrid.estate.document import DocumentError, read_document
from hybrid.estate.document import Path as KeyPath
from hybrid.estate.pipelines import DEFAULTED
from hybrid.estate.problem import EstateError, Problem
from hybrid.estate.reading import text_of

#: Parts of an estate whose entries have names, which included files may have.
NAMED = ("sites", "sources", "pipelines", "dags", "calendars")

#: More files are the pattern of a directory that holds something else.
_MOST_FILES = 5_000


@dataclass(frozen=True)
class Place:
    """Where a value stands: the file as the user named it, and the 1-based line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Composed:
    """The one document.

    Attributes:
        file: what the user named.
        files: all that were read, that one first.
        data: the document, without `include` and `base`.
        places: of each value, by its path.
        origins: of each value that a source says for its pipelines: its path in the source.
        problems: what is wrong already: names and keys that are given twice, keys where none may be.
        warnings: what may be regretted.
        text: YAML of the whole, to be read where the files are not.
        is_overlay: whether the named file is one.
    """

    file: str
    files: tuple[Path, ...]
    data: dict[str, Any]
    places: dict[KeyPath, Place]
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    text: str = field(default="", repr=False)
    is_overlay: bool = False

    def place_of(self, key: KeyPath) -> Place:
        """Place of the value at a path, or of the nearest part of the path that exists."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, Place(self.file, 1))

    def problem(self, key: KeyPath, message: str) -> Problem:
        """A problem of the value at a path."""
        place = self.place_of(key)
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                key = (*self.origins[key[:length]], *key[length:])
                break
        return Problem(place.file, place.line, ".".join(map(str, key)), message)


def compose(
    path: Path,
    *,
    remedy: str = "name another with `-c estate=FILE`",
    texts: Mapping[Path, str] | None = None,
) -> Composed:
    """Read an estate file, what it includes, and its base where it is an overlay.

    Args:
        path: of the file.
        remedy: what names another file where this one is asked for.
        texts: stand for what files hold, to try a change before it is written.

    Raises:
        EstateError: a file cannot be read or is no YAML, a pattern matches none, or the base is no estate.
    """
    instead = texts or {}
    whole = _with_included(_read(path, instead, remedy=remedy), path, instead)
    if "base" in whole.data:
        whole = _over_its_base(whole, path, instead)
    if len(whole.files) > 1:
        whole = replaced(whole, text=yaml.safe_dump(whole.data, sort_keys=False, allow_unicode=True))
    return _with_defaults(whole)


def files_of(path: Path) -> list[Path]:
    """The files that make an estate, the named one first; it alone where they cannot be read."""
    with suppress(EstateError):
        return list(compose(path).files)
    return [path]


def compose_text(text: str, *, file: str) -> Composed:
    """The document of a text that stands alone; `file` is its name in the problems.

    Raises:
        EstateError: it is not YAML, or needs other files.
    """
    alone = _read(Path(file), {Path(file): text})
    for key in ("base", "include"):
        if key in alone.data:
            message = "names files beside this one, which has no place: name the file itself"
            raise EstateError([alone.problem((key,), message)])
    return _with_defaults(alone)


def _read(path: Path, instead: Mapping[Path, str], *, remedy: str = "") -> Composed:
    file, text = str(path), instead[path] if path in instead else text_of(path, remedy=remedy)
    try:
        document = read_document(text)
    except DocumentError as error:
        raise EstateError([Problem(file, error.line, "", error.message)]) from error
    found = Composed(
        file=file,
        files=(path,),
        data=document.data,
        places={key: Place(file, line) for key, line in document.lines.items()},
        text=text,
    )
    twice = [
        Problem(file, line, ".".join(map(str, key)), f"is given twice (first on line {first}); remove one")
        for key, line, first in document.duplicates
    ]
    odd = [
        found.problem(
            key, "is no text to YAML, as no, yes, on, off and numbers are none; put this key into quotes"
        )
        for key in document.odd_keys
    ]
    if odd:
        raise EstateError(sorted([*twice, *odd]))
    return replaced(found, problems=tuple(twice))


# Included files


def _with_included(main: Composed, path: Path, instead: Mapping[Path, str]) -> Composed:
    if "include" not in main.data:
        return main
    data = {key: value for key, value in main.data.items() if key != "include"}
    places, problems, files = dict(main.places), list(main.problems), list(main.files)
    for file in _included(main, path):
        part = _read(file, instead)
        problems += part.problems
        files.append(file)
        for home, described in part.data.items():
            reason = _misplaced(home, described, data)
            if reason:
                problems.append(part.problem((home,), reason))
                continue
            there = data[home] = dict(data.get(home) or {})
            for name, value in (described or {}).items():
                if name in there:
                    first = places.get((home, name), Place(main.file, 1))
                    message = f"is described in {first} already; a name has one place"
                    problems.append(part.problem((home, name), message))
                    continue
                there[name] = value
                places[home, name] = part.places[home, name]
            places |= {
                key: place
                for key, place in part.places.items()
                if len(key) > 2 and key[0] == home and places.get(key[:2]) == part.places.get(key[:2])
            }
            places.setdefault((home,), part.places[home,])
    return replaced(main, data=data, places=places, problems=tuple(problems), files=tuple(files))


def _misplaced(home: str, described: Any, data: dict[str, Any]) -> str:
    """Why a key of an included file cannot be taken; empty where it can."""
    if home not in NAMED:
        return f"is of the file that includes this one; here are {', '.join(NAMED[:-1])} and {NAMED[-1]}"
    if not isinstance(described, dict | None):
        return "takes names, each with its description"
    if not isinstance(data.get(home), dict | None):
        return f"cannot be added to `{home}` of the file that includes this one, which has no names"
    return ""


def _included(main: Composed, path: Path) -> list[Path]:
    """The files that the patterns match, in the order of their names, each once."""
    patterns, directory = main.data["include"], path.parent
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise EstateError([main.problem(("include",), "takes a list of files, as [teams/*/pipelines.yaml]")])
    found: set[Path] = set()
    for number, pattern in enumerate(patterns):
        found |= _files_of(main, pattern, directory, key=("include", number)) - {path}
    return sorted(found)


def _files_of(main: Composed, pattern: str, directory: Path, *, key: KeyPath) -> set[Path]:
    """The files of one pattern; what cannot be read is refused, for its pipelines would leave Airflow."""

    def refused(message: str) -> EstateError:
        return EstateError([main.problem(key, message)])

    try:
        matched = _matched(directory, pattern)
    except OSError as error:
        raise refused(f"`{pattern}` cannot be looked for: {error.strerror or error}") from error
    if not matched or matched == [main.files[0]]:
        raise refused(
            f"`{pattern}` matches no file beside {main.files[0].name} or below; pipelines of files that are "
            "not read would be taken out of Airflow: take the pattern out if nothing is meant"
        )
    if len(matched) > _MOST_FILES:
        raise refused(
            f"`{pattern}` matches more than {_MOST_FILES} files; name the directory of the estate's own"
        )
    for one in sorted(matched):
        if _is_elsewhere(one, directory):
            raise refused(
                f"`{one}` is no file, or a link that leads out of {directory}: what it describes would be "
                "left out without a word; put the file itself there, or take it away"
            )
    return set(matched)


def _matched(directory: Path, pattern: str) -> list[Path]:
    """What a pattern matches; hidden files and directories are left out, as a shell does.

    Raises:
        OSError: a directory cannot be read.
    """
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern.strip():
        return []
    try:
        matched = [path for path in directory.glob(pattern) if not path.is_dir()]
    except (ValueError, NotImplementedError):  # no pattern
        return []
    hidden = [any(part.startswith(".") for part in path.relative_to(directory).parts) for path in matched]
    return [path for path, is_hidden in zip(matched, hidden, strict=True) if not is_hidden]


def _is_elsewhere(path: Path, directory: Path) -> bool:
    """Whether a path leads out of a directory, or to no file: a link may, of which the target may be gone."""
    return not path.is_file() or not path.resolve().is_relative_to(directory.resolve())


# Overlays


def _over_its_base(over: Composed, path: Path, instead: Mapping[Path, str]) -> Composed:
    named = over.data["base"]
    if not isinstance(named, str) or Path(named).is_absolute():
        raise EstateError(
            [over.problem(("base",), "takes the path of an estate file from here, as ../hybrid.yaml")]
        )
    file = _plain(path.parent / named)
    try:
        base = _read(file, instead, remedy="`base` names the whole estate")
        base = _with_included(base, file, instead)
    except EstateError as error:
        if file.is_file():
            raise
        message = f"{error.problems[0].message} ({file})"
        raise EstateError([over.problem(("base",), message)]) from error
    if "base" in base.data:
        raise EstateError([over.problem(("base",), f"{file} is an overlay itself; name a whole estate")])
    laid = _Laying(base, over)
    data = laid.laid(base.data, {key: value for key, value in over.data.items() if key != "base"}, ())
    warnings = [] if _is_another(base.data, data) else [over.problem((), _THE_SAME.format(base.file))]
    return Composed(
        file=over.file,
        files=(*over.files, *base.files),
        data=data,
        places=laid.places(),
        problems=(*base.problems, *over.problems, *laid.problems),
        warnings=tuple(warnings),
        is_overlay=True,
    )


_THE_SAME = (
    "describes the estate of {} itself, by name, account and Region: to deploy one changes the other; give "
    "this one another `environment.name`, or another account"
)


def _plain(path: Path) -> Path:
    """A path without `..`, as people would name it."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)


def _is_another(base: dict[str, Any], data: dict[str, Any]) -> bool:
    first, second = base.get("environment"), data.get("environment")
    if not isinstance(first, dict) or not isinstance(second, dict):
        return True
    return any(first.get(key) != second.get(key) for key in ("name", "account", "region"))


class _Laying:
    """Lays a document over another: keys are added and changed one by one, a list and a value whole.

    `null` in place of a site, source, pipeline, DAG or calendar takes it out; elsewhere it is a value as any
    other.
    """

    def __init__(self, base: Composed, over: Composed) -> None:
        self._base, self._over = base, over
        self._changed: set[KeyPath] = set()
        self.problems: list[Problem] = []

    def laid(self, below: dict[str, Any], above: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        """A mapping of the base with what the overlay says of it."""
        found = dict(below)
        for key, value in above.items():
            here = (*path, key)
            if value is None and len(here) == 1 and key in NAMED:
                continue
            if value is None and len(here) == 2 and here[0] in NAMED:
                self._take_out(found, key, here)
            elif isinstance(value, dict) and isinstance(found.get(key), dict):
                found[key] = self.laid(found[key], value, here)
            else:
                found[key] = value
                self._changed.add(here)
        return found

    def _take_out(self, found: dict[str, Any], key: str, here: KeyPath) -> None:
        if key not in found:
            there = ", ".join(map(str, found)) or "none"
            message = f"is not in {self._base.file}, so it cannot be taken out; there are: {there}"
            self.problems.append(self._over.problem(here, message))
        found.pop(key, None)
        self._changed.add(here)

    def places(self) -> dict[KeyPath, Place]:
        """Of each value, in the file that it comes from."""

        def is_changed(key: KeyPath) -> bool:
            return any(key[:length] in self._changed for length in range(1, len(key) + 1))

        kept = {key: place for key, place in self._base.places.items() if not is_changed(key)}
        return {**self._over.places, **kept}


# Defaults of sources


def _with_defaults(whole: Composed) -> Composed:
    sources, pipelines = whole.data.get("sources"), whole.data.get("pipelines")
    if not isinstance(sources, dict) or not isinstance(pipelines, dict):
        return whole
    defaults = {
        name: {key: value for key, value in source["defaults"].items() if key in DEFAULTED}
        for name, source in sources.items()
        if isinstance(source, dict) and isinstance(source.get("defaults"), dict)
    }
    if not defaults:
        return whole
    places, origins = dict(whole.places), {}
    below: dict[KeyPath, list[KeyPath]] = {}
    for key in whole.places:
        if len(key) >= 4 and key[0] == "sources" and key[2] == "defaults":
            below.setdefault(key[:4], []).append(key)
    filled = dict(pipelines)
    for name, pipeline in pipelines.items():
        if not isinstance(pipeline, dict) or not isinstance(pipeline.get("source"), str):
            continue
        source = pipeline["source"]
        missing = {
            key: value
            for key, value in defaults.get(source, {}).items()
            if key not in pipeline and not (key == "schedule" and pipeline.get("after"))
        }
        filled[name] = pipeline | missing
        for key in missing:
            for origin in below[("sources", source, "defaults", key)]:
                here = ("pipelines", name, *origin[3:])
                places[here], origins[here] = whole.places[origin], origin
    return replaced(whole, data=whole.data | {"pipelines": filled}, places=places, origins=origins)
