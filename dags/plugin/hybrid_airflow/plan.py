"""What one try of a run is about: decided once, and carried through deferrals as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hybrid_airflow.identity import RunIdentity
from hybrid_airflow.interval import Interval
from hybrid_airflow.place import Place


@dataclass(frozen=True)
class Plan:
    """One try.

    Attributes:
        place: What of the manifest it goes by.
        since: When the try began.
        room_until: Until when a site without a connected host, or without room, is waited for.
        end_by: When the run must have ended in any case, None without an `execution_timeout`.
    """

    identity: RunIdentity
    place: Place
    interval: Interval | None
    since: datetime
    room_until: datetime
    end_by: datetime | None

    def dump(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "started_by": self.identity.started_by,
            "attempt": self.identity.attempt,
            "place": self.place.dump(),
            "from": self.interval.start.isoformat() if self.interval else None,
            "to": self.interval.end.isoformat() if self.interval else None,
            "full": self.interval is not None and self.interval.full,
            "since": self.since.isoformat(),
            "room_until": self.room_until.isoformat(),
            "end_by": self.end_by.isoformat() if self.end_by else None,
        }

    @classmethod
    def load(cls, value: Mapping[str, Any], *, place: Place) -> Plan:
        """The plan that `dump` wrote; with this `place` where an earlier release did, without one."""
        return cls(
            place=Place.load(value["place"]) if "place" in value else place,
            identity=RunIdentity(started_by=value["started_by"], attempt=value["attempt"]),
            interval=(
                Interval.parse(value["from"], value["to"], full=value.get("full", False))
                if value["from"]
                else None
            ),
            since=datetime.fromisoformat(value["since"]),
            room_until=datetime.fromisoformat(value["room_until"]),
            end_by=datetime.fromisoformat(value["end_by"]) if value["end_by"] else None,
        )
