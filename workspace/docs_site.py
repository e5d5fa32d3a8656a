"""The documents as a site: a copy of docs/ with the navigation that fits it, built by Zensical.

docs/mkdocs.yml names pages that may not be written yet, and folders in place of all their pages; what is
built from has neither, and no link to a file of the clone outside of docs/. The copy also keeps what the
builder writes out of docs/.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workspace.environments import DOCS, PythonEnvironment

_CONFIGURATION = "mkdocs.yml"
#: Colours of a terminal (ECMA-48, "SGR"), which the builder writes into pipes too.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: A link that begins by going up: its words, and the way up.
_UPWARDS = re.compile(r"(?<!!)\[([^\]]*)\]\(((?:\.\./)+)[^)\s]*\)")
_LEFT_OUT = shutil.ignore_patterns(_CONFIGURATION, "requirements*")


class DocsSiteError(Exception):
    """The site could not be built; the message has what the builder said."""


@dataclass(frozen=True)
class DocsSite:
    """A site and where it is made.

    Attributes:
        source: the documents.
        work: where the copy and the site are; what is there is replaced.
        python: the environment of the builder.
    """

    source: Path
    work: Path
    python: PythonEnvironment = DOCS

    @property
    def html(self) -> Path:
        """Where the pages are."""
        return self.work / "html"

    def prepare(self) -> None:
        """Copy the documents, and write the configuration that fits them."""
        shutil.rmtree(self.work / "docs", ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.source, self.work / "docs", ignore=_LEFT_OUT)
        for page in (self.work / "docs").rglob("*.md"):
            inside = len(page.relative_to(self.work / "docs").parts) - 1
            text = page.read_text(encoding="utf-8")
            page.write_text(without_links_out(text, depth=inside), encoding="utf-8")
        configuration = yaml.safe_load((self.source / _CONFIGURATION).read_text(encoding="utf-8"))
        configuration["nav"] = navigation(self.source, configuration["nav"])
        text = yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True)
        (self.work / _CONFIGURATION).write_text(text, encoding="utf-8")

    def build(self) -> Path:
        """Build the site; a link or an anchor that leads nowhere is an error. Returns its first page.

        Raises:
            SiteError: a page or link is wrong, or the builder failed.
        """
        self.prepare()
        shutil.rmtree(self.html, ignore_errors=True)
        done = subprocess.run(
            [*self.command("build"), "--strict", "--clean"],
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
            env={**os.environ, "NO_COLOR": "1"},
        )
        first = self.html / "index.html"
        if done.returncode or not first.is_file():
            said = _COLOURS.sub("", f"{done.stdout}\n{done.stderr}").partition("Traceback")[0]
            raise DocsSiteError(f"the site could not be built:\n{said.strip()}")
        return first

    def command(self, *arguments: str) -> list[str]:
        """A command of the builder."""
        program = self.python.ensure().directory / "bin" / "zensical"
        return [str(program), *arguments, "--config-file", _CONFIGURATION]


def without_links_out(text: str, *, depth: int) -> str:
    """A page whose links to files outside of the documents, which a site has not, are their words alone.

    Args:
        text: the page.
        depth: folders between it and the folder of the documents.
    """
    return _UPWARDS.sub(lambda link: link[0] if link[2].count("../") <= depth else link[1], text)


def navigation(source: Path, wanted: list[Any]) -> list[Any]:
    """The navigation without pages that are not there, and with those of each folder that it names.

    Args:
        source: folder of the documents.
        wanted: `nav` as MkDocs has it; a text that ends with `/` stands for the pages of that folder which no
            other entry names, by name.
    """
    named = set(_pages(wanted))
    found: list[Any] = []
    for entry in wanted:
        if isinstance(entry, dict):
            [(title, inner)] = entry.items()
            if isinstance(inner, str):
                found += [entry] if (source / inner).is_file() else []
            elif pages := navigation_of(source, inner, named):
                found.append({title: pages})
        else:
            found += navigation_of(source, [entry], named)
    return found


def navigation_of(source: Path, entries: list[Any], named: set[str]) -> list[str]:
    """The pages of one level of the navigation."""
    found: list[str] = []
    for entry in entries:
        if entry.endswith("/"):
            below = sorted(path.relative_to(source).as_posix() for path in (source / entry).glob("*.md"))
            found += [page for page in below if page not in named]
        elif (source / entry).is_file():
            found.append(entry)
    return found


def _pages(entries: Any) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, dict):
            for inner in entry.values():
                yield from [inner] if isinstance(inner, str) else _pages(inner)
        else:
            yield entry
