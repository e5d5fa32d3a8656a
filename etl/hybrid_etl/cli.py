"""`hybrid-etl`: the command of the container."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from hybrid_etl import __version__
from hybrid_etl.errors import EtlError, Terminated, UserError
from hybrid_etl.events import emit

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
        return int(options.action(options))
    except EtlError as error:
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hybrid-etl",
        description="Reads one query from a database and leaves exact, atomic files in a data lake.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="extract one interval and write its manifest")
    run.add_argument("sha256", metavar="SHA256", help="digest of the specification")
    run.add_argument(
        "--from", dest="start", metavar="TIME", help="begin of the interval, ISO 8601 with a zone"
    )
    run.add_argument("--to", dest="end", metavar="TIME", help="end of the interval, exclusive")
    run.add_argument("--attempt", metavar="TOKEN", help="name of this try in object keys")
    run.set_defaults(action=_run)
    return parser


def _run(options: argparse.Namespace) -> int:
    from hybrid_etl.interval import Interval
    from hybrid_etl.run import run
    from hybrid_etl.settings import Settings, attempt_name

    interval = Interval.parse(options.start, options.end)
    attempt = attempt_name(options.attempt)
    run(Settings.from_environment(), sha256=options.sha256, interval=interval, attempt=attempt)
    return 0


def _terminate(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Terminated(f"Stopped by {signal.Signals(number).name}; nothing became visible, run again.")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "?"
