"""The command `hybrid`: what holds for all its commands."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import sys
import tomllib
from typing import Annotated

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from hybrid.cli.commands import COMMANDS
from hybrid.cli.lazy_group import group_of
from hybrid.cli.terminal import say
from hybrid.cli.usage import empty_option, explained
from workspace.paths import ROOT
from workspace.supply.process import prepare

#: Help is never narrower than 50 columns by itself; what it takes off at the right is two.
_COLUMNS = shutil.get_terminal_size().columns
_NARROW = {"terminal_width": max(_COLUMNS - 2, 20)} if _COLUMNS < 52 else {}

app = typer.Typer(
    name="hybrid",
    help="Managed Airflow in AWS, ETL containers beside the data.",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], **_NARROW},
)

#: What a full disk says.
_FULL = {errno.ENOSPC, errno.EDQUOT}

#: The variable by which a shell asks for completions; the scripts of `hybrid completion` set it.
COMPLETE = "_HYBRID_COMPLETE"


def _version(wanted: bool) -> None:
    if wanted:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        typer.echo(f"{project['name']} {project['version']}")
        raise typer.Exit


@app.callback()
def _hybrid(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Managed Airflow in AWS, ETL containers beside the data."""


def main() -> None:
    """Entry point. What many type first is taken too: `help sites` for `sites --help`, and `demo up`."""
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a character set lacks is written as its escape: a table with a name in it is no traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.argv[1:2] == ["help"]:
        sys.argv[1:] = [*sys.argv[2:], "--help"]
    if COMPLETE in os.environ:
        # typer does this itself where a program takes its options for completion, which write to the user's
        # start-up files; ours prints a script and leaves them alone.
        from typer._completion_classes import completion_init

        completion_init()
        app(prog_name="hybrid", complete_var=COMPLETE)
    prepare()
    if sys.argv[1:2] == ["demo"] and sys.argv[2:3] in (["up"], ["start"]):
        del sys.argv[2]  # as other tools call it
    code = _run()
    # The exit code is known: a Ctrl-C that comes while Python ends would take its place, with a signal's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Let what is written to a stream that was closed, as by `>&-`, go nowhere; else the next file that is
    opened would be in its place, and get it."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free, which is this one
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _run() -> int:
    """Run the command; what it is given wrongly is told in our own words. Returns the exit code."""
    words = sys.argv[1:]
    # Those of the CDK are the CDK's.
    if words[:1] != ["cdk"] and (empty := empty_option(words)):
        say(empty)
        return 2
    try:
        code = app(prog_name="bin/hybrid", standalone_mode=False)
        sys.stdout.flush()
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except UsageError as error:
        say(explained(error))
        return error.exit_code
    except OSError as error:
        if error.errno not in _FULL:
            raise
        say(f"not all could be written: {error.strerror}; make room and run this again")
        # What is left to write would fail once more when the process ends.
        sys.stdout = None
        return 1
    except typer.Abort:
        say("aborted")
        return 1
    return code if isinstance(code, int) else 0
