"""`python -m sandbox.endpoint`: run the endpoint until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from sandbox.endpoint.server import Endpoint
from sandbox.endpoint.store import StateFileError
from sandbox.lifetime import until_asked


def main(  # noqa: PLR0917 - options of the command
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1.")],
    state: Annotated[Path, typer.Option(help="JSON file that keeps activations, hosts and tasks.")],
    emulator: Annotated[str, typer.Option(help="Endpoint URL of the emulator.")],
    region: Annotated[str, typer.Option(help="AWS Region of the site.")] = "eu-west-1",
    silence: Annotated[
        float, typer.Option(help="Seconds without a sign until a host is disconnected.")
    ] = 10.0,
    credentials_renewed_after: Annotated[
        float, typer.Option(help="Seconds after which a running task gets new keys.")
    ] = 1800,
    with_parent: Annotated[bool, typer.Option(help="End when standard input closes.")] = False,
) -> None:
    """Answer ECS and SSM for a local site.

    Example: python -m sandbox.endpoint --port 4567 --state site.json --emulator http://localhost:4566
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s endpoint %(message)s", stream=sys.stderr)
    done = threading.Event()
    until_asked(done.set, with_parent=with_parent)
    try:
        endpoint = Endpoint(
            port=port, state_file=state, emulator_url=emulator, region=region, silence=silence,
            credentials_renewed_after=credentials_renewed_after,
        )  # fmt: skip
    except OSError as error:
        print(f"port {port} on 127.0.0.1 cannot be used ({error.strerror}): choose another.", file=sys.stderr)
        raise typer.Exit(2) from None
    except StateFileError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    logging.info("listening on %s, emulator %s", endpoint.url, emulator)
    done.wait()
    endpoint.close()


if __name__ == "__main__":
    typer.run(main)
