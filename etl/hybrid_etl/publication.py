"""The receipt of an interval is replaced by a run that read the database later, never earlier.

Two runs of one interval may be at work at once: a task that was cleared while it ran, a run by hand beside
the scheduled one. Whichever ends last would decide, though the other may have read rows that it lacks. So a
run looks at the receipt before it reads, and writes its own only over what it saw (a conditional write).
Where another one came meanwhile, the times of both snapshots decide. Without another, no clock is compared:
a database that moved to a server whose clock is behind still lands.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.receipt import encode
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import Seen, open_sink

_TRIES = 5


class Publication:
    """The place of a receipt, watched from the begin of a run to its end."""

    def __init__(self, settings: Settings, key: str, seen: Seen | None) -> None:
        """As it was `seen` before the database was read; None where nobody could look."""
        self._sink, self._key, self._seen = open_sink(settings.lake), key, seen
        self._address = f"{settings.lake.rstrip('/')}/{key}"

    @classmethod
    def begin(cls, settings: Settings, key: str) -> Publication:
        """Look at what is there now; never raises for what the lake refuses."""
        try:
            seen = open_sink(settings.lake).look(key)
        except EtlError:
            return cls(settings, key, None)
        return cls(settings, key, Seen(tag=seen.tag))

    @property
    def replaces(self) -> dict[str, str | None]:
        """What the receipt of a part says of it, for the commit: nothing where nobody could look."""
        return {} if self._seen is None else {"replaces": self._seen.tag}

    def write(self, document: dict[str, Any]) -> None:
        """Make a receipt visible.

        Raises Failure when one that was written meanwhile is of a later snapshot, or the lake refuses.
        """
        content, over = encode(document), self._seen
        for _ in range(_TRIES):
            if over is not None and self._sink.put(self._key, content, over=over):
                return
            try:
                over = self._sink.look(self._key)
            except UserError as error:
                if self._seen is not None:
                    raise  # another receipt came meanwhile, and now nobody may see which
                emit("warning", f"Whether another run of the interval has landed could not be seen. {error}")
                self._sink.put(self._key, content)
                return
            if over.content == content:
                return  # written by a request whose answer was lost
            self._refuse_earlier(document, over)
        raise Failure(f"{self._address} was written by others at each of {_TRIES} tries; run again.")

    def _refuse_earlier(self, document: dict[str, Any], there: Seen) -> None:
        other = _receipt(there.content)
        ours, theirs = _snapshot(document), _snapshot(other)
        if ours and theirs and ours < theirs:
            raise Failure(
                f"{self._address} is by now of attempt {other.get('attempt')}, which read the database at "
                f"{theirs.isoformat()}, after this run ({ours.isoformat()}): it stays, and nothing of this "
                "run became visible. Run again to read what is there now."
            )


def seen_by_all(parts: list[dict[str, Any]]) -> Seen | None:
    """What all parts of a run saw in the place of its receipt; None where they differ or one does not say."""
    said = [(part["replaces"],) if "replaces" in part else None for part in parts]
    first = said[0]
    return Seen(tag=first[0]) if first and all(one == first for one in said) else None


def _receipt(content: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _snapshot(document: dict[str, Any]) -> datetime | None:
    """When a receipt's run has read; None where it does not say."""
    database = document.get("database")
    try:
        found = datetime.fromisoformat(database["snapshot_time"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
