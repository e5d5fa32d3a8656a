"""Attacks from inside of a container: run by the container's Python, with nothing but what a container gets.

Reads a JSON list of `[service, operation, parameters]` from standard input and writes what AWS answered to
each: the error's code, or `allowed`.
"""

from __future__ import annotations

import json
import sys

from botocore.exceptions import ClientError
from botocore.session import get_session


def main() -> None:
    """Try everything once."""
    session = get_session()
    answers = []
    for service, operation, parameters in json.load(sys.stdin):
        client = session.create_client(service)
        try:
            getattr(client, operation)(**parameters)
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
        else:
            answers.append("allowed")
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
