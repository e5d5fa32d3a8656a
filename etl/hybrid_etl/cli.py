"""`hybrid-etl`: the command of the container."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from hybrid_etl import __version__, commit, inspect, reconcile, run
from hybrid_etl.errors import EtlError, Terminated, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval
from hybrid_etl.settings import Settings, attempt_name

_EXAMPLE = """example:
  hybrid-etl run 9f86d081… --from 2026-11-01T00:00:00+00:00 --to 2026-11-02T00:00:00+00:00
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see hybrid-etl --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 for success, 2 for the user's mistake, 1 for any other failure."""
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, _terminate)
    try:
        options = _parser().parse_args(arguments)
        options.action(options)
    except (EtlError, Terminated) as error:
        emit("error", str(error))
        return error.exit_code
    except MemoryError:
        emit("error", "The container's memory is exhausted; raise the source's memory limit and run again.")
        return 1
    except Exception as error:  # noqa: BLE001 - no traceback may reach a log beside customer data
        place = _place(error)
        emit(
            "error",
            f"An unforeseen {type(error).__name__} at {place}; report it with this line, and run again.",
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hybrid-etl",
        description="Reads one query from a database and leaves exact, atomic files in a data lake.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    running = _command(commands, "run", _run, "extract one interval and write its receipt")
    running.add_argument("--part", type=int, metavar="N", help="only key range N of its partitions")
    committing = _command(commands, "commit", _commit, "make all parts of a run visible, at once")
    committing.add_argument(
        "--parts", required=True, metavar="TOKENS", help="tries of the parts, in order, with commas between"
    )
    for writing in (running, committing):
        writing.add_argument("--attempt", metavar="TOKEN", help="name of this try in object keys")
        writing.add_argument(
            "--full", action="store_true", help="the interval is all there is: it lands as interval=full"
        )
    describing = _command(commands, "describe", _describe, "print the columns that a run would write")
    previewing = _command(commands, "preview", _preview, "print the first rows, masked, at a terminal")
    previewing.add_argument(
        "--rows", type=int, default=10, metavar="N", help="how many, at most 1000 (default 10)"
    )
    checking = _command(commands, "check", _check, "try specification, secret, database, query and lake")
    for looking in (describing, previewing, checking):
        looking.add_argument("--full", action="store_true", help="as `run --full` would read it")
    comparing = _command(
        commands, "reconcile", _reconcile, "compare what landed with the source as it is now"
    )
    comparing.add_argument("--full", action="store_true", help="what landed as interval=full")
    comparing.add_argument("--key", metavar="COLUMN", help="whole numbers by which rows are put into ranges")
    comparing.add_argument("--ranges", type=int, default=16, metavar="N", help="how many (default 16)")
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    action: Callable[[argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("sha256", metavar="SHA256", help="digest of the specification")
    command.add_argument("--from", dest="start", metavar="TIME", help="begin, ISO 8601 with a zone")
    command.add_argument("--to", dest="end", metavar="TIME", help="end, exclusive")
    command.set_defaults(action=action)
    return command


def _run(options: argparse.Namespace) -> None:
    attempt = attempt_name(options.attempt)
    run.run(
        Settings.from_environment(),
        sha256=options.sha256,
        interval=_interval(options),
        attempt=attempt,
        part=options.part,
    )


def _commit(options: argparse.Namespace) -> None:
    commit.commit(
        Settings.from_environment(),
        sha256=options.sha256,
        interval=_interval(options),
        attempt=attempt_name(options.attempt),
        parts=[attempt_name(part) for part in options.parts.split(",")],
    )


def _describe(options: argparse.Namespace) -> None:
    inspect.describe(Settings.from_environment(), sha256=options.sha256, interval=_interval(options))


def _preview(options: argparse.Namespace) -> None:
    settings = Settings.from_environment()
    inspect.preview(settings, sha256=options.sha256, interval=_interval(options), rows=options.rows)


def _check(options: argparse.Namespace) -> None:
    inspect.check(Settings.from_environment(), sha256=options.sha256, interval=_interval(options))


def _reconcile(options: argparse.Namespace) -> None:
    reconcile.reconcile(
        Settings.from_environment(),
        sha256=options.sha256,
        interval=_interval(options),
        key=options.key,
        ranges=options.ranges,
    )


def _interval(options: argparse.Namespace) -> Interval | None:
    return Interval.parse(options.start, options.end, full=getattr(options, "full", False))


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Terminated(f"Stopped by {signal.Signals(number).name}; nothing became visible, run again.")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "?"
