"""The documents as a site: every page is reached, nothing comes from elsewhere, a broken link is an error."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from workspace.docs_site import DocsSite, DocsSiteError, navigation, without_links_out
from workspace.paths import ROOT

DOCS = ROOT / "docs"


def test_the_navigation_leaves_out_pages_that_are_not_written_and_adds_those_of_a_folder(
    tmp_path: Path,
) -> None:
    # Given two pages of a folder, of which the navigation names one, and two that are not there
    (tmp_path / "how-to").mkdir()
    for name in ("README.md", "how-to/hosts.md", "how-to/dags.md"):
        (tmp_path / name).write_text("# Page\n")
    wanted = [
        "README.md",
        "later.md",
        {"How to": ["how-to/hosts.md", "how-to/"]},
        {"For you": ["for/you.md"]},
    ]

    # Then it has what is there, once
    assert navigation(tmp_path, wanted) == ["README.md", {"How to": ["how-to/hosts.md", "how-to/dags.md"]}]


def test_every_page_is_in_the_navigation() -> None:
    # Given the navigation with the pages as they are
    wanted = yaml.safe_load((DOCS / "mkdocs.yml").read_text())["nav"]
    listed = set(re.findall(r"[\w/-]+\.md", str(navigation(DOCS, wanted))))

    # Then no page is missing
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert pages - listed == set(), "name it in docs/mkdocs.yml"


def test_a_link_out_of_the_documents_becomes_its_words() -> None:
    # Given a page in a folder of the documents, with a link to a file of the clone and one to a page
    text = "See [`a test`](../../tests/test_one.py), [proof](../proof.md#one) and [types](types.md)."

    # Then the site, which has not that file, has its words
    assert without_links_out(text, depth=1) == "See `a test`, [proof](../proof.md#one) and [types](types.md)."
    assert without_links_out("[the code](../app.py)", depth=0) == "the code"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    # Given the site of the documents
    first = DocsSite(DOCS, tmp_path).build()

    # Then every page is there, and so is the picture
    pages = [path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")]
    missing = [page for page in pages if not (first.parent / str(page).replace("README", "index")).is_file()]
    assert missing == []
    assert (first.parent / "architecture.svg").is_file()

    # And no page has a link to a file that is not there
    for page in first.parent.rglob("*.html"):
        links = re.findall(r'<a\b[^>]*\bhref="([^"#:]+)["#]', page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists() and page.name != "404.html"] == []

    # And no page has a script, style, picture or font of another host
    loaded = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"((?:https?:)?//[^\"]*)")
    linked = re.compile(
        r"<link\b[^>]*rel=\"(?:stylesheet|preconnect|icon)\"[^>]*href=\"((?:https?:)?//[^\"]*)"
    )
    for page in first.parent.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert loaded.findall(text) + linked.findall(text) == [], page


@pytest.mark.slow
@pytest.mark.parametrize("link", ["nowhere.md", "proof.md#nowhere"], ids=["a page", "a heading"])
def test_a_link_that_leads_nowhere_ends_the_build_with_page_and_line(tmp_path: Path, link: str) -> None:
    # Given two documents, one with a link to what is not there
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("mkdocs.yml", "site.css"):
        shutil.copy(DOCS / name, source)
    (source / "README.md").write_text(f"# Home\n\nSee [this]({link}).\n")
    (source / "proof.md").write_text("# Proof\n")

    # When the site is built
    with pytest.raises(DocsSiteError) as raised:
        DocsSite(source, tmp_path / "work").build()

    # Then the error says where it stands, without a traceback
    assert "README.md:3:" in str(raised.value)
    assert "Traceback" not in str(raised.value)


@pytest.mark.slow
def test_the_site_is_served_on_this_machine_until_it_is_ended() -> None:
    # Given a free port
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    # When the documents are served there
    command = [sys.executable, "-m", "hybrid", "docs", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as serving:
        try:
            page = _read(f"http://127.0.0.1:{port}/reference/estate.html", seconds=60)
        finally:
            serving.send_signal(signal.SIGINT)
            serving.communicate(timeout=20)

    # Then a page is there, and after Ctrl-C nobody answers
    assert "environment.name" in page
    assert serving.returncode == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)


def _read(url: str, *, seconds: float) -> str:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
