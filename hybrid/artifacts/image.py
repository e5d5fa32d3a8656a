"""The image of the ETL container: its tag is the hash of what it is built from.

Template and image agree by construction: both sides compute the tag from the same files, and an
immutable tag in the registry means these files and no others. Which files these are is said once, in
`.dockerignore`, by which Docker chooses what the build may copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from workspace.paths import ETL

#: Read by the builder whatever `.dockerignore` says.
_BUILD_FILES = ("Dockerfile", ".dockerignore")


class IgnoreFileError(ValueError):
    """A line of `.dockerignore` is of a form that is not read here; the message says which."""


@dataclass(frozen=True)
class _Rule:
    """A line of `.dockerignore`: a path, where it may begin, and whether it lets in again."""

    names: tuple[str, ...]
    anywhere: bool
    included: bool

    def matches(self, path: PurePosixPath) -> bool:
        """Whether it is about a path, or about a folder that the path is in."""
        starts = range(len(path.parts)) if self.anywhere else range(1)
        return any(
            len(part := path.parts[start : start + len(self.names)]) == len(self.names)
            and all(fnmatchcase(name, wanted) for name, wanted in zip(part, self.names, strict=True))
            for start in starts
        )


def image_tag(directory: Path = ETL) -> str:
    """Tag of the image built from a directory: 16 hex digits over the paths and bytes of its files.

    Raises:
        IgnoreFileError: `.dockerignore` has a pattern of another form.
    """
    digest = hashlib.sha256()
    for path in sorted(build_files(directory)):
        content = hashlib.sha256((directory / path).read_bytes()).hexdigest()
        digest.update(f"{path.as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:16]


def build_files(directory: Path) -> Iterator[PurePosixPath]:
    """What an image may be made of, relative to `directory`: its build files, and what Docker may copy.

    Raises:
        IgnoreFileError: as `image_tag`.
    """
    rules = _rules(directory / ".dockerignore")
    for file in directory.rglob("*"):
        path = PurePosixPath(file.relative_to(directory).as_posix())
        if file.is_file() and (str(path) in _BUILD_FILES or _is_let_in(path, rules)):
            yield path


def _is_let_in(path: PurePosixPath, rules: list[_Rule]) -> bool:
    # The last line that matches decides (Docker documentation, "Build context", ".dockerignore files").
    return next((rule.included for rule in reversed(rules) if rule.matches(path)), True)


def _rules(file: Path) -> list[_Rule]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [_rule(line) for raw in lines if (line := raw.strip()) and not line.startswith("#")]


def _rule(line: str) -> _Rule:
    pattern = line.removeprefix("!").strip("/")
    names = tuple(pattern.split("/"))
    anywhere = names[0] == "**"
    if "**" in names[1:] or "\\" in pattern or ".." in names or names in ((), ("",), ("**",)):
        raise IgnoreFileError(f".dockerignore: `{line}` is not read here; write NAME, PATH/NAME or **/NAME")
    return _Rule(names[1:] if anywhere else names, anywhere, line.startswith("!"))
