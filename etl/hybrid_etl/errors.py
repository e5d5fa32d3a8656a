"""What can go wrong, as one plain sentence and an exit code.

EtlError
├── UserError      exit code 2: refused again until somebody changes something
└── Failure        exit code 1: another try may do
    └── Fault      exit code 1: no other try at once
Terminated         exit code 1: SIGTERM or SIGINT
"""

from __future__ import annotations


class EtlError(Exception):
    """A foreseeable fault. Its text says what was wrong, where, what to do; it holds no row, no secret."""

    exit_code = 1


class UserError(EtlError):
    """Something the user can put right: a name, a password, a value that no type can hold."""

    exit_code = 2


class Failure(EtlError):
    """Something outside failed: the database is down, the object store refuses."""

    exit_code = 1


class Fault(Failure):
    """A failure that trying again at once does not mend: told at once, and left to the scheduler."""


class Terminated(BaseException):
    """SIGTERM or SIGINT arrived; everything unfinished has been taken back.

    No Exception: botocore takes one that is raised within a request for a fault of the line, and tries again.
    """

    exit_code = 1
