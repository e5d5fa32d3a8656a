"""Which Airflow versions MWAA offers, and which of them the DAG layer runs on.

botocore's list of versions lags behind the service, so the table is kept here. Read on 2026-11-22 from
the Amazon MWAA User Guide, "Apache Airflow versions on Amazon MWAA" and its support calendar; a version
that came later is taken with `airflow.allow_unlisted_version: true`.
"""

from __future__ import annotations

#: Versions that the DAG layer is tested with or that carry the same `airflow.sdk`, newest first.
SUPPORTED = ("3.3.1", "3.2.1", "3.0.6")

#: Versions whose support on MWAA has ended: no environment can be made with them.
ENDED = ("1.10.12", "2.0.2", "2.2.2", "2.4.3", "2.5.1", "2.6.3")


def refusal(version: str, *, allow_unlisted: bool) -> str | None:
    """Why a version cannot be used, as a sentence; None where it can.

    Args:
        version: as MWAA spells it, `3.3.1`.
        allow_unlisted: takes a version of Airflow 3 or later that the table does not know.
    """
    if version in SUPPORTED:
        return None
    offer = f"use {SUPPORTED[0]} (or {', '.join(SUPPORTED[1:])})"
    if version in ENDED:
        return f"MWAA has ended support for Airflow {version}; {offer}"
    if int(version.split(".", maxsplit=1)[0]) < 3:
        return f"the DAGs need airflow.sdk, so Airflow 3 or later, not {version}; {offer}"
    if not allow_unlisted:
        return (
            f"Airflow {version} is not in the list of MWAA's versions read on 2026-11-22; {offer}, "
            "or set airflow.allow_unlisted_version: true"
        )
    return None


def warning(version: str) -> str | None:
    """What to tell a user who goes past the table; None where the version is in it."""
    if version in SUPPORTED:
        return None
    return f"Airflow {version} is not in the list of MWAA's versions read on 2026-11-22: MWAA may refuse it"
