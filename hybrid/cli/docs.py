"""`hybrid docs`: the documents as a site, and the pages that are made from the code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import terminal
from workspace.docs_site import DocsSite, DocsSiteError
from workspace.environments import EnvironmentFailure
from workspace.files import exclusively, write_whole
from workspace.paths import ETL, ROOT, STATE

app = typer.Typer(
    help="The documents as a site, and the pages that are made from the code.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DOCUMENTS = ROOT / "docs"
REFERENCE = DOCUMENTS / "reference"

#: Seconds between two looks at the documents while they are served.
_LOOK_SECONDS = 0.5


@app.command()
def build(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A new directory for the site.", show_default=".hybrid/site/html"
        ),
    ] = None,
) -> None:
    """Make the site of the documents, which loads nothing from elsewhere; only its search needs a server.

    A link or an anchor that leads nowhere is an error.

    Example: bin/hybrid docs build
    """
    with terminal.exit_codes(), _failures():
        if output is not None and output.exists():
            raise terminal.UserError(f"{output} is there already; name a new directory, or delete it")
        with terminal.working("building the site"), exclusively(STATE / "site"):
            first = DocsSite(DOCUMENTS, STATE / "site").build()
            if output is not None:
                first = Path(shutil.copytree(first.parent, output)) / first.name
    terminal.result(str(first))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine only.")] = 8000,
) -> None:
    """Show the documents as a site on this machine, as they are while you edit them, until Ctrl-C.

    Example: bin/hybrid docs serve --port 8001
    """
    site = DocsSite(DOCUMENTS, STATE / "site-served")
    with terminal.exit_codes(), _failures():
        site.prepare()
        with subprocess.Popen(
            [*site.command("serve"), "--dev-addr", f"127.0.0.1:{port}"], cwd=site.work
        ) as server:
            try:
                _follow(site, server)
            except KeyboardInterrupt:
                terminal.say("")
            finally:
                server.terminate()
        if server.returncode not in (0, -15, 130, -2):
            raise terminal.Failure(
                f"the server ended; see above. Where port {port} is taken, choose another with --port"
            )


def _follow(site: DocsSite, server: subprocess.Popen[bytes]) -> None:
    """Copy the documents again whenever one was saved, as long as the server runs."""
    seen = _saved()
    while server.poll() is None:
        time.sleep(_LOOK_SECONDS)
        if (now := _saved()) != seen:
            seen = now
            site.prepare()


def _saved() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in DOCUMENTS.rglob("*") if path.is_file()}


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (EnvironmentFailure, DocsSiteError) as error:
        raise terminal.Failure(str(error)) from error
    except (OSError, shutil.Error) as error:
        raise terminal.Failure(
            f"the site could not be written: {error}; put that right and try again"
        ) from error


@app.command()
def generate() -> None:
    """Make the pages anew that are made from the code: reference of the estate, of the commands, the schema.

    Example: bin/hybrid docs generate
    """
    with terminal.exit_codes():
        for name, text in generated().items():
            path = ROOT / name
            changed = not path.is_file() or path.read_text(encoding="utf-8") != text
            if changed:
                write_whole(path, text, mode=0o644)
            terminal.result(f"{name}: {'written' if changed else 'as it was'}")


def generated() -> dict[str, str]:
    """File of the clone → its text, for all that are made from the code."""
    from hybrid.cli import api_reference
    from hybrid.cli import reference as commands
    from hybrid.estate import reference as estate
    from hybrid.estate.schema import schema_text
    from hybrid.fleet.host_kit import page as hosts
    from hybrid.review.flaws import page as flaws

    return {
        "contracts/engines.json": _engines(),
        "docs/reference/api.md": api_reference.page(),
        "docs/reference/command-line.md": commands.page(),
        "docs/reference/estate.md": estate.page(),
        "docs/reference/flaws.md": flaws.page(),
        "docs/reference/hosts.md": hosts.page(),
        "docs/reference/hybrid.schema.json": schema_text(),
    }


def _engines() -> str:
    """What the container says of its engines, by its own code, which nothing here imports."""
    done = subprocess.run(
        [sys.executable, "-m", "hybrid_etl.engines"],
        env={**os.environ, "PYTHONPATH": str(ETL)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
